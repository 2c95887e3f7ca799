#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lisp.sh - the programs in examples/lisp/tests/ on the collected heap, each with the output that it
# must have: as usual, with a heap so tight that cycles run all the time and each
# is verified, in lock mode, and with a memory
# limit below what lives. Also the prompt, and how it fails.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
O=${O:-$top/build}
lisp=$O/examples/lisp
scale=10
[ -n "${QUICK:-}" ] && scale=1
tests=$top/examples/lisp/tests

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
number=0
failed=0

result() # STATUS TEXT
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		head -n 20 "$work/why" | sed 's/^/# /'
		echo "not ok $number - $2"
	fi
}

# run LABEL CONF TEST - the program's output, its errors among it, is TEST.out
run()
{
	status=0
	LANE_CONF=$2 timeout 100 "$lisp" -e "(define scale $scale)" "$3" >"$work/out" 2>&1 || status=$?
	if ! diff "$work/out" "${3%.lisp}.out" >"$work/why" 2>&1 || [ $status -ne 0 ]; then
		echo "exit status $status" >>"$work/why"
		status=1
	fi
	result $status "$(basename "$3" .lisp)${1:+, $1}"
}

echo "TAP version 13"
for t in "$tests"/*.lisp; do
	run "" "" "$t"
	run "gc_percent 5" gc_percent:5,gc_check:true "$t"
done
for t in churn moves tables threads finalizers; do
	run "lock mode" mode:lock,gc_percent:20 "$tests/$t.lisp"
done
for t in owners threads; do
	run "check:full" check:full "$tests/$t.lisp"
done
run "memory limit below the live heap" gc_memory_limit:1m "$tests/churn.lisp"

# gctrace: as many lines as there were cycles, on stderr alone.
LANE_CONF=gctrace:true,gc_percent:5 "$lisp" -e "(define scale $scale)" "$tests/churn.lisp" \
	>"$work/out" 2>"$work/trace" || true
status=0
diff "$work/out" "$tests/churn.out" >"$work/why" 2>&1 || status=1
[ "$(wc -l <"$work/trace")" -ge 2 ] || {
	cat "$work/trace" >>"$work/why"
	status=1
}
result $status "gctrace:true writes a line for each cycle, and nothing into the output"

status=0
printf '(define x 20)\n(+ x\n   22)\n(car 1)\n"a\n b"\n' | "$lisp" >"$work/out" 2>&1 || true
printf 'x\n42\nerror: not a pair: 1\n"a\\n b"\n' | diff "$work/out" - >"$work/why" || status=1
result $status "the prompt reads data over several lines and goes on after an error"

status=0
printf '(display "a") (display\n"b")\n(quote (1 .\n2))\n(quote (1 . 2\n))\n(car\n' | "$lisp" >"$work/out" 2>&1 || true
printf 'ab(1 . 2)\n(1 . 2)\nerror: end of file inside of what was typed last\n' |
	diff "$work/out" - >"$work/why" || status=1
result $status "what has run does not run again with the next line, and a line may end behind a dot"

status=0
"$lisp" -e '(display "before")' -e '(error "stop here:" (list 1 "two"))' >"$work/out" 2>"$work/err" || status=$?
if [ $status -eq 1 ] && [ "$(cat "$work/out")" = before ] &&
	[ "$(cat "$work/err")" = 'error: stop here: (1 "two")' ]; then
	status=0
else
	cat "$work/out" "$work/err" >"$work/why"
	status=1
fi
result $status "an error that nobody takes ends the program with its message and status 1"

# Each time that there is no memory is an error that a program may take; not the first alone.
status=0
(
	ulimit -v 2000000
	timeout 60 "$lisp" -e '(define (large) (try (lambda () (make-string 2000000000)) error-message))' \
		-e '(print (large) ", " (large) ", " (large))' -e '(make-string 2000000000)'
) >"$work/out" 2>&1 || status=$?
if [ $status -eq 1 ] && printf 'out of memory, out of memory, out of memory\nerror: out of memory\n' |
	diff "$work/out" - >"$work/why"; then
	status=0
else
	echo "status $status" >>"$work/why"
	status=1
fi
result $status "a program goes on after an error for want of memory, more than once"

status=0
"$lisp" "$work" >"$work/out" 2>&1 || status=$?
if [ $status -eq 1 ] && [ "$(cat "$work/out")" = 'error: Is a directory' ]; then
	status=0
else
	echo "status $status" | cat "$work/out" - >"$work/why"
	status=1
fi
result $status "what cannot be read is an error, and not the end of the program"

# A byte 0 belongs to no datum.
status=0
printf "(display '(1 \\0 2))" >"$work/zero.lisp"
timeout 10 "$lisp" "$work/zero.lisp" >"$work/out" 2>&1 || status=$?
if [ $status -eq 1 ] && [ "$(cat "$work/out")" = 'error: byte 0 in a name, line 1' ]; then
	status=0
else
	echo "status $status" >"$work/why"
	status=1
fi
result $status "a file with a byte 0 is an error"

echo "1..$number"
exit $failed
