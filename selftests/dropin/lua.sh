#!/bin/sh
# SPDX-License-Identifier: MIT
# lua gives the same output under Lane.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs lua5.4

prepare() {
	cat >churn.lua <<'END'
local n = tonumber(arg[1])
-- Its own generator: math.random is seeded differently in every process.
local seed = 12345
local function random(m)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed // 65536 % m + 1
end
local function sum(s)
	local a, b = 1, 0
	for i = 1, #s do
		a = (a + s:byte(i)) % 65521
		b = (b + a) % 65521
	end
	return b * 65536 + a
end

local parts = {}
for i = 1, n do
	parts[i] = string.rep(string.char(97 + i % 26), random(80))
end
local text = table.concat(parts, ",")
print("text", #text, sum(text))
print("gsub", select(2, text:gsub("a+,", "<%0>")), sum(text:gsub("%a+", string.upper)))

local live = {}
for i = 1, n * 20 do
	local k = random(n)
	if live[k] and random(3) == 1 then
		live[k] = nil
	else
		live[k] = { id = i, name = "n" .. i, list = { i, i + 1, { i } }, f = function() return i end }
	end
end
local count, total = 0, 0
for k = 1, n do
	if live[k] then
		count = count + 1
		total = total + live[k].f() + live[k].list[3][1]
	end
end
print("live", count, total)

local keys = {}
for i = 1, n do
	keys[i] = string.format("%08x-%d", random(32768) * random(32768), i)
end
table.sort(keys)
print("sort", keys[1], keys[#keys // 2], keys[#keys], sum(table.concat(keys)))

local pool = {}
for i = 1, 500 do
	pool[i] = coroutine.wrap(function()
		local s = ""
		for j = 1, 50 do
			s = s .. i * j
			coroutine.yield(#s)
		end
	end)
end
local c = 0
for _ = 1, 50 do
	for i = 1, 500 do
		c = c + pool[i]()
	end
end
print("coroutines", c)

local weak = setmetatable({}, { __mode = "v" })
for i = 1, 1000 do
	weak[i] = { string.rep("w", i) }
end
collectgarbage()
collectgarbage()
local left = 0
for _ in pairs(weak) do
	left = left + 1
end
print("weak", left)

local big = {}
for i = 1, 40 do
	big[i] = string.rep("0123456789abcdef", 1 << (i % 14))
end
print("big", sum(table.concat(big):sub(1, 200000)))
print("deep", pcall(function()
	local function f(k) return k == 0 and error("bottom", 0) or (f(k - 1) + 1) end
	return f(5000)
end))
print("too much", (pcall(string.rep, "x", 1 << 46)))
END
	rows=20000
	[ -z "$QUICK" ] || rows=4000
	without plain lua5.4 churn.lua "$rows"
}

suite() {
	with "$1" lane lua5.4 churn.lua "$rows"
	same "$1: lua gives the same output" plain lane
	lane_at_work "$1: lua ran on Lane" lane 100000 "$1"
}

run_suites 2
