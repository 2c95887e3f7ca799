// SPDX-License-Identifier: MIT
// row: 15 sized delete with another size
// default: not
// check: at once: lane: sized free of 0x* with size 16, which is not its size
// guard: not
#include "die.h"

void *_Znwm(size_t size);	    /* operator new */
void _ZdlPvm(void *p, size_t size); /* operator delete */

int main(void)
{
	char *p = _Znwm(24);

	_ZdlPvm(die_with(p), 16);
	die_drain();
	return 0;
}
