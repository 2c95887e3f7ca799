// SPDX-License-Identifier: MIT
// What a C++ program asks of an allocator; driven by cxx.sh.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unordered_map>
#include <vector>

// The compiler may drop a new whose object it can follow to its delete.
template <class T> static T *opaque(T *p)
{
	asm volatile("" : "+r"(p) : : "memory");
	return p;
}

static volatile size_t huge = SIZE_MAX / 4;
static int failures;

static void check(bool good, const char *what)
{
	printf("%s: %s\n", what, good ? "yes" : "NO");
	failures += !good;
}

static bool aligned(void *p, size_t to)
{
	return reinterpret_cast<uintptr_t>(p) % to == 0;
}

template <size_t A> struct alignas(A) over {
	unsigned char bytes[A * 3];
};

template <size_t A> static void over_aligned()
{
	bool good = true;
	std::vector<over<A> *> all;
	for (int i = 0; i < 50; i++) {
		all.push_back(opaque(new over<A>));
		good = good && aligned(all.back(), A);
		memset(all.back()->bytes, i, sizeof(all.back()->bytes));
	}
	for (int i = 0; i < 50; i++) {
		good = good && all[i]->bytes[0] == i && all[i]->bytes[A * 3 - 1] == i;
		delete all[i];
	}
	auto *array = opaque(new over<A>[7]);
	good = good && aligned(array, A);
	delete[] array;
	char line[64];
	snprintf(line, sizeof(line), "new aligned to %zu", A);
	check(good, line);
}

static void every_delete()
{
	for (size_t n = 0; n < 5000; n += 37) {
		::operator delete(opaque(::operator new(n)));
		::operator delete(opaque(::operator new(n)), n);
		::operator delete[](opaque(::operator new[](n)));
		::operator delete[](opaque(::operator new[](n)), n);
		::operator delete(opaque(::operator new(n, std::nothrow)), std::nothrow);
		::operator delete[](opaque(::operator new[](n, std::nothrow)), std::nothrow);
		auto a = std::align_val_t(size_t(32) << n % 6);
		::operator delete(opaque(::operator new(n, a)), a);
		::operator delete(opaque(::operator new(n, a)), n, a);
		::operator delete[](opaque(::operator new[](n, a)), a);
		::operator delete[](opaque(::operator new[](n, a)), n, a);
		::operator delete(opaque(::operator new(n, a, std::nothrow)), a, std::nothrow);
		::operator delete[](opaque(::operator new[](n, a, std::nothrow)), a, std::nothrow);
	}
	::operator delete(nullptr);
	::operator delete(nullptr, 8);
	::operator delete(nullptr, std::align_val_t(64));
	char *one = static_cast<char *>(opaque(::operator new(0)));
	char *two = static_cast<char *>(opaque(::operator new(0)));
	check(one && two && one != two, "new of 0 bytes gives unique pointers");
	::operator delete(one);
	::operator delete(two);
}

template <class F> static bool throws(F f)
{
	try {
		f();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static rlimit writable;

// No more writable memory, until the handler takes the limit back.
static void makes_room()
{
	static int calls;
	size_t most = size_t(1) << 30;
	rlimit none;

	getrlimit(RLIMIT_DATA, &writable);
	none = writable;
	none.rlim_cur = 4096;
	std::set_new_handler([] {
		calls++;
		setrlimit(RLIMIT_DATA, &writable);
	});
	setrlimit(RLIMIT_DATA, &none);
	void *plain = opaque(::operator new(most));
	setrlimit(RLIMIT_DATA, &none);
	void *over = opaque(::operator new(2 * most, std::align_val_t(4096)));
	check(plain && over && aligned(over, 4096) && calls == 2,
	      "new succeeds where its handler makes room");
	std::set_new_handler(nullptr);
	::operator delete(plain);
	::operator delete(over, std::align_val_t(4096));
}

static void out_of_memory()
{
	check(throws([] { opaque(::operator new(huge)); }), "new throws bad_alloc");
	check(throws([] { opaque(::operator new[](huge)); }), "new[] throws bad_alloc");
	check(throws([] { opaque(::operator new(huge, std::align_val_t(128))); }),
	      "aligned new throws bad_alloc");
	check(throws([] { opaque(new std::vector<char>(huge)); }), "a vector throws");
	check(!opaque(::operator new(huge, std::nothrow)), "nothrow new gives null");
	check(!opaque(::operator new(huge, std::align_val_t(64), std::nothrow)),
	      "aligned nothrow new gives null");

	static int calls;
	std::set_new_handler([] {
		if (++calls == 3)
			std::set_new_handler(nullptr);
	});
	check(throws([] { opaque(::operator new(huge)); }) && calls == 3,
	      "the new handler is called until it gives up");
	makes_room();
	std::set_new_handler([] { throw std::runtime_error("handler"); });
	bool seen = false;
	try {
		opaque(::operator new(huge));
	} catch (const std::runtime_error &) {
		seen = true;
	}
	std::set_new_handler(nullptr);
	check(seen, "an exception of the new handler comes through");
	std::set_new_handler([] { throw std::bad_alloc(); });
	check(!opaque(::operator new(huge, std::nothrow)) &&
		      !opaque(::operator new[](huge, std::nothrow)) &&
		      !opaque(::operator new(huge, std::align_val_t(64), std::nothrow)) &&
		      !opaque(::operator new[](huge, std::align_val_t(64), std::nothrow)),
	      "but not of a nothrow new");
	std::set_new_handler(nullptr);
}

static uint64_t churn(unsigned seed)
{
	std::map<unsigned, std::string> m;
	std::unordered_map<std::string, std::vector<unsigned>> u;
	std::list<std::shared_ptr<std::string>> l;
	uint64_t sum = 0;
	unsigned r = seed;

	for (int i = 0; i < 40000; i++) {
		r = r * 1103515245 + 12345;
		unsigned k = r >> 16 & 1023;
		if (m.count(k))
			m.erase(k);
		else
			m[k] = std::string(k, 'a' + k % 26);
		u[std::to_string(k)].push_back(i);
		l.push_back(std::make_shared<std::string>(k % 64, 'l'));
		if (l.size() > 200)
			l.pop_front();
	}
	for (auto &[k, s] : m)
		sum = sum * 31 + k + s.size();
	for (auto &s : l)
		sum += s->size();
	for (unsigned k = 0; k < 1024; k++)
		for (unsigned i : u[std::to_string(k)])
			sum = sum * 7 + i;
	return sum;
}

static void threads()
{
	std::vector<std::thread> all;
	std::vector<uint64_t> sums(8);
	std::atomic<std::string *> box{nullptr};
	std::atomic<unsigned> freed{0}, made{0};
	std::atomic<int> caught{0};

	for (unsigned t = 0; t < sums.size(); t++)
		all.emplace_back([&, t] {
			sums[t] = churn(t + 1);
			// Objects of one thread are freed by another.
			for (int i = 0; i < 20000; i++) {
				auto *mine = new std::string(i % 500, 'x');
				made++;
				if (auto *theirs = box.exchange(mine)) {
					delete theirs;
					freed++;
				}
			}
			if (throws([] { opaque(::operator new(huge)); }))
				caught++;
		});
	for (auto &t : all)
		t.join();
	delete box.exchange(nullptr);
	check(made == freed + 1, "every object handed over was freed once");
	check(caught == 8, "every thread caught its bad_alloc");
	for (uint64_t s : sums)
		printf("sum %llx\n", static_cast<unsigned long long>(s));
}

struct global {
	std::vector<std::string> words;
	global()
	{
		words.assign(100, "made before main");
	}
	~global()
	{
		words.assign(200, "made after main");
	}
};
static global before_and_after;
static thread_local std::string own(300, 't');

int main()
{
	check(before_and_after.words.size() == 100, "objects made before main are there");
	over_aligned<32>();
	over_aligned<64>();
	over_aligned<256>();
	over_aligned<4096>();
	over_aligned<65536>();
	every_delete();
	out_of_memory();
	threads();
	std::thread([] { own += "in a thread"; }).join();
	check(own.size() == 300, "thread-local objects are apart");
	std::pmr::unsynchronized_pool_resource pool;
	std::pmr::vector<std::pmr::string> v(&pool);
	for (int i = 0; i < 1000; i++)
		v.emplace_back(i, 'p');
	check(v[999].size() == 999, "a memory resource works");
	fflush(stdout);
	return failures != 0;
}
