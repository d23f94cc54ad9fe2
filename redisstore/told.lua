-- Tells of values that the MSETNX right before it in the same transaction has
-- made, if it has.
--
-- KEYS: the marker, the log, the key of the mark of the last value.
-- ARGV: the slot of this call in its transaction; that mark, which nobody else
-- makes; then of each value the suffix of its key and the revision.
--
-- Answers 0; or "conflict", where nothing was made.
if redis.pcall('GET', KEYS[3]) ~= ARGV[2] then
	return {'conflict'}
end
local step = 1000 -- what fits on Lua's stack
for from = 3, #ARGV, step do
	redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(ARGV, from, math.min(from + step - 1, #ARGV)))
end
redis.call('APPEND', KEYS[1], ARGV[1] .. ' 0\n')
return 0
