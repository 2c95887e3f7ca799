// SPDX-License-Identifier: MIT
/* marking_mutator.h - what a running thread does in marking.pml, whose names these are. */

/* One step: prof_cycle.pml has the barrier between the two. */
inline enter(t, marking)
{
	d_step {
		inside[t] = true;
		marking = phase == MARK
	}
}

inline leave(t)
{
	inside[t] = false;
	awaited[t] = false
}

/* Any stack unscanned? Of threads that are attached. */
#if MUTATORS == 2
#define STACKS_GREY ((attached[0] && !scanned[0]) || (attached[1] && !scanned[1]))
#else
#define STACKS_GREY (attached[0] && !scanned[0])
#endif

/* Registers are a set; what is not used any more is zero: fewer states. */
inline next()
{
	if
	:: REG(t, 0) < REG(t, 1) ->
		base = REG(t, 0);
		REG(t, 0) = REG(t, 1);
		REG(t, 1) = base
	:: else
	fi;
	base = 0;
	value = 0;
	old = 0;
	field = 0;
	marking = false;
	fresh = false;
	goto end_next
}

proctype mutator(byte t)
{
	byte base, value, old, field;
	bool fresh, marking, begun;

#ifdef ATTACH
	if
	:: t == 1 ->
		atomic {
			attached[t] = true;
#ifdef TWIN_ATTACH_SCANNED
			scanned[t] = phase == MARK;
#else
			scanned[t] = false;
#endif
		}
	:: else
	fi;
#endif
end_next:
	/* Choose an operation and its operands. What came before the flip is an initial heap. */
	atomic {
		steps < STEPS && (phase == MARK || (phase == OFF && !begun));
		steps++;
		begun = true;
		if
		:: field = 0
#if FIELDS == 2
		:: field = 1
#endif
		fi;
		if
		:: base = 0
		:: REG(t, 0) -> base = REG(t, 0)
		:: REG(t, 1) && REG(t, 1) != REG(t, 0) -> base = REG(t, 1)
		fi;
		if
		:: goto load
		:: goto store
		:: (unused || cache[0] || cache[MUTATORS - 1]) -> goto alloc
#ifdef FREE
		:: base -> goto free
#endif
		fi
	}
load:
	atomic {
		if
		:: REG(t, 0) = SLOT(base, field)
		:: REG(t, 1) = SLOT(base, field)
		fi;
		next()
	}
store:
	atomic {
		if
		:: value = 0
		:: REG(t, 0) -> value = REG(t, 0)
		:: REG(t, 1) && REG(t, 1) != REG(t, 0) -> value = REG(t, 1)
		fi
	}
	/* The restartable sequence. */
again:
	atomic {
		if
		:: phase == MARK -> goto slow
		:: else -> fast[t] = 1
		fi
	}
	atomic {
		if
		:: fast[t] == 2 ->
			fast[t] = 0;
			goto again
		:: else ->
			fast[t] = 0;
			SLOT(base, field) = value;
			next()
		fi
	}
slow:
	/* Nothing to shade: outside of a section. It stores if the cycle is the same. */
	old = SLOT(base, field);
	if
#ifdef TWIN_KNOWN_BY_VALUE
	:: value == 0 || (mark & BIT(value)) != 0 ->
#else
	:: flipped && (old == 0 || (mark & BIT(old)) != 0) &&
	   (value == 0 || (mark & BIT(value)) != 0) ->
#endif
		atomic {
			if
			:: phase == MARK ->
				SLOT(base, field) = value;
				next()
			:: else
			fi
		}
	:: else
	fi;
	old = 0;
	enter(t, marking);
	if
	:: marking ->
#ifndef TWIN_NO_DELETION_SHADE
		old = SLOT(base, field);
		shade(old, fresh);
#endif
#ifndef TWIN_NO_INSERTION_SHADE
		if
#ifdef OWN_STACK
		:: !scanned[t] -> shade(value, fresh)
#else
		:: STACKS_GREY -> shade(value, fresh)
#endif
		:: else
		fi
#endif
	:: else
	fi;
	atomic {
		SLOT(base, field) = value;
		leave(t);
		next()
	}

alloc:
	/* A lane that is empty is refilled; the object is popped from there. */
	if
	:: cache[t] != 0 -> goto pop
	:: else
	fi;
	enter(t, marking);
	/* Taken and marked under the span's lock. */
	atomic {
		if
		:: unused & BIT(1) -> hand[t] = 1
		:: unused & BIT(2) -> hand[t] = 2
#if OBJECTS > 2
		:: unused & BIT(3) -> hand[t] = 3
#endif
		:: !unused
		fi;
		unused = unused & ~BIT(hand[t]);
#ifndef TWIN_REFILL_WHITE
		if
		:: marking && hand[t] ->
			assert(!sweeping);
			mark = mark | BIT(hand[t])
		:: else
		fi
#endif
	}
	atomic {
		cache[t] = hand[t];
		hand[t] = 0;
		leave(t)
	}
pop:
	atomic {
		if
		:: REG(t, 0) = cache[t]
		:: REG(t, 1) = cache[t]
		fi;
		if
		:: cache[t] != 0 ->
			SLOT(cache[t], 0) = 0;
#if FIELDS == 2
			SLOT(cache[t], 1) = 0
#endif
		:: else
		fi;
		cache[t] = 0;
		next()
	}

#ifdef FREE
free:
	/* Only what nobody else refers to. */
	atomic {
		byte k;
		k = 0;
		fresh = 0;
		do
		:: k < (OBJECTS + 1) * FIELDS -> fresh = fresh || slot[k] == base; k++
		:: else -> break
		od;
		k = 0;
		do
		:: k < MUTATORS * REGS -> fresh = fresh || (k / REGS != t && reg[k] == base); k++
		:: else -> break
		od;
		k = 0;
		if
		:: fresh ->
			fresh = 0;
			next()
		:: else
		fi;
		if
		:: REG(t, 0) == base -> REG(t, 0) = 0
		:: else
		fi;
		if
		:: REG(t, 1) == base -> REG(t, 1) = 0
		:: else
		fi
	}
	enter(t, marking);
	if
	:: marking ->
#ifndef TWIN_FREE_WITHOUT_SHADE
		/* Its fields go away as if they had been overwritten. */
		old = SLOT(base, 0);
		shade(old, fresh);
#if FIELDS == 2
		old = SLOT(base, 1);
		shade(old, fresh);
#endif
#endif
	:: else
	fi;
	atomic {
		SLOT(base, 0) = 0;
#if FIELDS == 2
		SLOT(base, 1) = 0;
#endif
		if
#ifdef TWIN_FREE_TO_CACHE
		:: cache[t] == 0 -> cache[t] = base
#else
		:: !marking && cache[t] == 0 -> cache[t] = base
#endif
		:: else -> unused = unused | BIT(base)
		fi;
		leave(t);
		next()
	}
#endif
}
