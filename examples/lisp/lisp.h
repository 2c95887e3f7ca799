/* SPDX-License-Identifier: MIT */
/*
 * lisp.h - values of the Lisp, and what its files offer each other.
 *
 * The contract with the collector, for all files:
 *
 *  - A val may live in a local variable, a parameter or an array on a stack of an attached
 *    thread, in a collected object in a slot that its type names, or in lisp_roots. Nowhere
 *    else: not in malloc()ed memory, static or __thread variables, which nobody scans.
 *  - So no C function registers or protects what it holds. Stacks and registers are scanned
 *    conservatively, and objects do not move.
 *  - A val goes into an object or into lisp_roots by lane_gc_write(), lane_gc_memmove() or
 *    lane_gc_clear(), also where the object is brand new. Into a local by plain assignment.
 *  - Loads are plain. lane_gc_write() is a release store, so who loads a val sees a whole object.
 *  - Threads that use an object at the same time without a lock may read old values, but break
 *    nothing: an array knows its own length, and no index is used that was checked against
 *    another one.
 *
 * A val is one word:
 *
 *   1 0 n:62          fixnum   the top bit is set: not an address, so a number keeps nothing alive
 *   1 1 ... c:32      character
 *   0 ... 0 0 0 1     pair     the address plus one; a pair has no header
 *   0 ... 0 0 0 0     object   begins with struct obj; below 4096 a constant
 *
 * All objects are found through interior pointers as well as through their start, so that the 1
 * of a pair costs nothing.
 */
#ifndef LISP_H
#define LISP_H

#include <lane/lane_gc.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef void *val;

#define TOP_BIT (1ul << 63)
#define FIXNUM_MAX ((int64_t)(1ul << 61) - 1)
#define FIXNUM_MIN (-FIXNUM_MAX - 1)

#define NIL ((val)0x10)
#define FALSE ((val)0x20)
#define TRUE ((val)0x30)
#define UNSPECIFIED ((val)0x40)
#define END_OF_FILE ((val)0x50)
#define TOMBSTONE ((val)0x60) /* of a table: a key was here */

static inline bool is_fixnum(val v)
{
	return (uintptr_t)v >> 62 == 2;
}

static inline val fixnum(int64_t n)
{
	return (val)(((uintptr_t)n & (TOP_BIT / 2 - 1)) | TOP_BIT);
}

static inline int64_t fixnum_value(val v)
{
	return (int64_t)((uintptr_t)v << 2) >> 2;
}

static inline bool is_char(val v)
{
	return (uintptr_t)v >> 62 == 3;
}

static inline val make_char(uint32_t c)
{
	return (val)(TOP_BIT | TOP_BIT >> 1 | c);
}

static inline uint32_t char_value(val v)
{
	return (uint32_t)(uintptr_t)v;
}

static inline val boolean(bool b)
{
	return b ? TRUE : FALSE;
}

struct pair {
	val car;
	val cdr;
};

static inline bool is_pair(val v)
{
	return ((uintptr_t)v & (TOP_BIT | 7)) == 1;
}

static inline struct pair *pair_of(val v)
{
	return (struct pair *)((char *)v - 1);
}

static inline val car(val v)
{
	return pair_of(v)->car;
}

static inline val cdr(val v)
{
	return pair_of(v)->cdr;
}

/* The top bit of a header is set, too: a header may stand where a reference could. */
enum tag {
	T_STRING = 1 << 31,
	T_SYMBOL,
	T_VECTOR,
	T_FRAME,
	T_SLOTS,
	T_TABLE,
	T_NODE,
	T_CLOSURE,
	T_BUILTIN,
	T_MACRO,
	T_ERROR,
	T_ESCAPE,
	T_BUILDER,
	T_PORT,
	T_THREAD,
	T_MUTEX,
	T_CONDITION,
	T_WEAK,
};

struct obj {
	uint32_t len; /* its meaning is the type's */
	uint32_t tag;
};

/* Holds no references; data ends in a 0 that len does not count. */
struct string {
	uint32_t len;
	uint32_t tag;
	char data[];
};

/* T_VECTOR; T_FRAME: w[0] is the frame around it; T_SLOTS: key and value alternate. */
struct words {
	uint32_t len;
	uint32_t tag;
	val w[];
};

struct symbol {
	uint32_t form; /* number of the special form it names, or 0 */
	uint32_t tag;
	val name;
	val value; /* NULL: no global variable */
};

struct table {
	uint32_t eq; /* keys are compared by eq? */
	uint32_t tag;
	val slots;
	size_t count; /* keys */
	size_t used;  /* keys and tombstones */
};

struct closure {
	uint32_t len;
	uint32_t tag;
	val lambda;
	val env;
};

typedef val builtin_fn(int argc, val *argv);

struct builtin {
	uint16_t min, max; /* arguments; MANY: no limit */
	uint32_t tag;
	const char *name;
	builtin_fn *fn;
};
#define MANY UINT16_MAX

/* T_MACRO: a is the closure. T_ERROR: the message and the list of irritants. */
struct two {
	uint32_t len;
	uint32_t tag;
	val a, b;
};

struct builder {
	uint32_t len;
	uint32_t tag;
	val buf; /* a string, full or not */
	size_t used;
};

static inline bool is_object(val v)
{
	return !((uintptr_t)v & (TOP_BIT | 7)) && (uintptr_t)v >= 4096;
}

static inline bool is(val v, enum tag tag)
{
	return is_object(v) && ((struct obj *)v)->tag == (uint32_t)tag;
}

/* The references that are in no object and on no stack; a root range. */
struct lisp_roots {
	val bound; /* list of the symbols that have a value or name a form */
	val forms; /* vector: for each special form a symbol that nothing shadows */
	val quote, quasiquote, unquote, unquote_splicing, arrow, otherwise, define, begin, lambda;
	val cons, append, list_to_vector, memv; /* builtins that quasiquote and case expand to */
	val no_memory;				/* an error */
};
extern struct lisp_roots lisp_roots;

/* types.c */
void types_init(void);
val cons(val a, val d);
val make_string(const char *s, size_t len);
val make_words(enum tag tag, size_t len);
val make_two(enum tag tag, val a, val b);
val make_closure(val lambda, val env);
val make_builtin(const char *name, builtin_fn *fn, int min, int max);
val make_table(bool eq);
val make_builder(void);
void *make_plain(enum tag tag, size_t size); /* an object without references */
void *make_held(enum tag tag);
void builder_put(val b, const char *s, size_t n);
void builder_puts(val b, const char *s);
val builder_string(val b);

/* A held object: what the operating system or the library knows it by, and references by its tag.
 */
struct held {
	uint32_t len;
	uint32_t tag;
	val a, b;
	void *os;
	uint64_t n;
};

/* symbol.c */
val intern(const char *name);
val intern_string(const char *s, size_t len);
val make_symbol(const char *name); /* uninterned */
val define_global(val symbol, val value);
size_t symbol_count(void);

/* stack.c: vals in the order of a stack, as many as there are */
struct stack {
	struct words *w;
	size_t n;
};
void push(struct stack *s, val v);
val pop(struct stack *s);

/* equal.c, table.c */
bool equal(val a, val b);
uint64_t hash(val v, bool eq);
val table_get(struct table *t, val key, val otherwise);
void table_put(struct table *t, val key, val value);
bool table_remove(struct table *t, val key);
void table_clear(struct table *t);

/* reader.c: one datum, or END_OF_FILE. Either file or text. */
struct source {
	FILE *file;
	const char *text; /* may point into a collected string */
	size_t pos, len;
	unsigned int line;
};
val read_datum(struct source *s);
int source_getc(struct source *s);

/* print.c */
void print_to(val builder, val v, bool write);
val print_string(val v, bool write);
void print_error(FILE *file, val v);

/*
 * compile.c, syntax.c: data to code. They take forms apart by these two: whatever was looked at
 * before, another thread may have changed the list meanwhile.
 */
val head_of(val form);
val tail_of(val form);
struct scope;
val compile(val x, struct scope *scope);
val compile_body(val body, struct scope *scope);
val expand_quasiquote(val x);
val expand_cond(val clauses);
val expand_case(val x);
val expand_do(val x);
val expand_named_let(val name, val bindings, val body);
void forms_init(void);
val list(int n, ...);
val form(const char *name);

/* eval.c */
val eval(val code, val env);
val apply(val fn, int argc, val *argv);
val eval_datum(val x);
val builtin_apply(int argc, val *argv);

/*
 * error.c: errors and escapes. A struct catch is on the stack of who set it, so that what it holds
 * is scanned. Everything that is thrown goes to the innermost one; who is not meant, throws on.
 */
enum thrown { THROWN_ERROR, THROWN_ESCAPE };
struct catch
{
	jmp_buf jmp;
	struct catch *up;
	struct catch *target; /* of an escape */
	val value;
	uint64_t serial; /* tells it from an earlier one at the same address */
	enum thrown what;
};
/* A thread's own; no references. */
struct lisp_thread {
	struct catch *top;
	char *stack_limit; /* the stack may not grow below */
	uint64_t serial;
};
extern __thread struct lisp_thread self;
void thread_init(void);
void catch_push(struct catch *c);
void catch_pop(struct catch *c);
_Noreturn void throw(enum thrown what, struct catch *target, val value);
_Noreturn void rethrow(struct catch *c);
_Noreturn void error(const char *message, val irritant); /* irritant: NULL for none */
_Noreturn void out_of_memory(void);
_Noreturn void stack_overflow(void);
_Noreturn void invoke_escape(val escape, val value);

static inline void stack_check(void)
{
	if (__builtin_expect((char *)__builtin_frame_address(0) < self.stack_limit, 0))
		stack_overflow();
}

/* builtins_*.c */
struct builtin_def {
	const char *name;
	builtin_fn *fn;
	int min, max;
};
void define_builtins(const struct builtin_def *defs, size_t n);
void builtins_number_init(void);
void builtins_list_init(void);
void builtins_string_init(void);
void builtins_table_init(void);
void builtins_control_init(void);
void builtins_port_init(void);
void builtins_thread_init(void);
void builtins_gc_init(void);
void *need(val v, enum tag tag, const char *what); /* error: not a WHAT */
int64_t need_fixnum(val v);
int64_t need_index(val v, int64_t end); /* 0..end, end excluded */
void load_file(const char *path);
void load_text(const char *text);
extern const char prelude[];

#define DEFINE_BUILTINS(defs) define_builtins(defs, sizeof(defs) / sizeof((defs)[0]))

#endif
