// SPDX-License-Identifier: MIT
/* tls.c - a library that wants BYTES of static TLS */
extern __thread char want[BYTES] __attribute__((tls_model("initial-exec")));
__thread char want[BYTES] __attribute__((tls_model("initial-exec")));
char *wanted(void);

char *wanted(void)
{
	return want;
}
