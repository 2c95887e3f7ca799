# SPDX-License-Identifier: MIT
"""Writes a C file for the compiler to chew on; the same text for the same count."""
import random

BODY = """
struct rec{n} {{ int id; double w[{dim}]; struct rec{n} *next; char tag[{tag}]; }};

static int step{n}(struct rec{n} *r, int k)
{{
	int acc = k * {a} + {b};

	for (int i = 0; i < {dim}; i++) {{
		if ((acc >> (i & 7)) & 1)
			r->w[i] = r->w[({dim} - 1) - i] * {a}.5 + acc;
		else
			acc ^= r->id + i * {b};
	}}
	switch (acc & 7) {{
	case 0: return acc + {a};
	case 1: r->id++; break;
	case 2: r->tag[acc & {mask}] = (char)acc; break;
	case 3: while (acc > {b}) acc /= 3; break;
	case 5: return r->next ? step{n}(r->next, k - 1) : -1;
	default: acc = acc * 31 + k;
	}}
	return acc;
}}

int walk{n}(struct rec{n} *head, int n)
{{
	int sum = 0;

	for (struct rec{n} *r = head; r && n-- > 0; r = r->next) {{
		sum += step{n}(r, n);{call}
		for (unsigned int i = 0; i < sizeof(r->tag); i++)
			sum += r->tag[i] * (int)(i + {a});
	}}
	return sum;
}}
"""


def generate(functions):
    rng = random.Random(7)
    out = ["/* generated */", "#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>"]
    for n in range(functions):
        call = ""
        if n:
            other = rng.randrange(n)
            call = "\n\t\tsum ^= walk%d((void *)0, sum);" % other
        out.append(BODY.format(n=n, dim=rng.randrange(4, 12), tag=16 << (n % 3), mask=15,
                               a=rng.randrange(1, 90), b=rng.randrange(1, 900), call=call))
    return "\n".join(out)
