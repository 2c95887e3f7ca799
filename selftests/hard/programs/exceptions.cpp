// SPDX-License-Identifier: MIT
/* exceptions.cpp - threads throw through frames that hold memory; new fails; "good" */
#include <atomic>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int deep(int n)
{
	std::string s(100 + n * 50, 'x');

	if (!n)
		throw std::runtime_error(s);
	return deep(n - 1) + (int)s.size();
}

int main()
{
	std::atomic<int> caught{0};
	std::vector<std::thread> threads;
	volatile size_t big = (size_t)1 << 60;

	for (int i = 0; i < 4; i++)
		threads.emplace_back([&] {
			for (int k = 0; k < 1000; k++)
				try {
					deep(k % 20);
				} catch (const std::exception &) {
					caught++;
				}
		});
	for (auto &t : threads)
		t.join();
	try {
		::operator delete(::operator new(big));
	} catch (const std::bad_alloc &) {
		caught++;
	}
	if (caught == 4001)
		std::puts("good");
	return caught != 4001;
}
