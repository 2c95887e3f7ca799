-- SPDX-License-Identifier: MIT
-- Strings and tables in Lua: lua5.4 work.lua SCALE
local scale = tonumber(arg[1] or "1")
local seed = 12345

local function rnd(n)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return (seed >> 8) % n
end

local function words(count)
	local out = {}
	for i = 1, count do
		out[i] = "word" .. rnd(5000) .. ":" .. string.rep("x", rnd(40))
	end
	return out
end

local total = 0
for round = 1, math.max(1, math.floor(12 * scale)) do
	local list = words(20000)
	local count, index = {}, {}
	for _, w in ipairs(list) do
		count[w] = (count[w] or 0) + 1
		local key = w:sub(1, 6)
		index[key] = index[key] or {}
		table.insert(index[key], { word = w, len = #w, round = round })
	end
	table.sort(list)
	local text = table.concat(list, " ")
	for w in text:gmatch("%a+%d+") do
		total = total + #w
	end
	local objects = {}
	for i = 1, 20000 do
		objects[i] = { id = i, name = "object " .. i, tags = { i % 7, i % 11 } }
	end
	for i = 1, 20000, 3 do
		objects[i] = nil
	end
	for _, o in pairs(objects) do
		total = total + o.tags[1]
	end
end
print(total)
