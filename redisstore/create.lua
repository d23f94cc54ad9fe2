-- Makes values, if there is none of them. It is what apply.lua does under the
-- condition that each is absent, without a look at each.
--
-- KEYS: the marker, the log, then of each value its key and that of its mark.
-- ARGV: the slot of this call in its transaction; of each value its data and its
-- mark; then of each the suffix of its key and the revision.
--
-- Answers 0; or "conflict", where one is there, whatever it is.
local n, step = #KEYS - 2, 1000 -- what fits on Lua's stack

local values = {}
for i = 3, #KEYS, 2 do
	values[#values + 1] = KEYS[i]
end
for from = 1, #values, step do
	if redis.call('EXISTS', unpack(values, from, math.min(from + step - 1, #values))) > 0 then
		return {'conflict'}
	end
end

local sets = {}
for i = 1, n do
	sets[2 * i - 1], sets[2 * i] = KEYS[i + 2], ARGV[i + 1]
end
for from = 1, #sets, step do
	redis.call('MSET', unpack(sets, from, math.min(from + step - 1, #sets)))
end
for from = n + 2, #ARGV, step do
	redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(ARGV, from, math.min(from + step - 1, #ARGV)))
end
redis.call('APPEND', KEYS[1], ARGV[1] .. ' 0\n')
return 0
