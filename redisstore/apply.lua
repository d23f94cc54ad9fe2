-- Checks conditions on values and, if all hold, makes changes. What it does is
-- one step for everybody else; a command that can be refused comes before all
-- those that change something.
--
-- KEYS: the marker, the log, then of each value its key and that of its mark.
-- ARGV: the slot of this call in its transaction; the number of conditions, and
-- for each the position of the value in KEYS and the revision ("" for absent);
-- the number of changes, and for each the position, the suffix of the key, the
-- new revision ("" for a removal) and, where it is not a removal, data and mark.
--
-- Answers the number of values that were removed; or what stands in the way:
-- "conflict"; "damaged", a position; "suspect", the data of another program,
-- which the client has to look at.
local at = 1
local function word()
	at = at + 1
	return ARGV[at]
end

for _ = 1, tonumber(word()) do
	local i, want = tonumber(word()), word()
	local data, rev, foreign = redis.pcall('GET', KEYS[i]), '', false
	if type(data) == 'table' then
		return {'damaged', i}
	end
	if data then
		local sum, mark = redis.sha1hex(data), redis.pcall('GET', KEYS[i + 1])
		local of, digest
		if type(mark) == 'string' then
			of, digest = string.match(mark, '^1 (%S+) %-?%d+ (%x+)$')
		end
		foreign = digest ~= sum
		rev = foreign and (of or '') .. '-' .. sum or of
	end
	if rev ~= want then
		if foreign then
			return {'suspect', data}
		end
		return {'conflict'}
	end
end

local sets, gone, told, changed = {}, {}, {}, 0
for _ = 1, tonumber(word()) do
	local i, suffix, rev = tonumber(word()), word(), word()
	if rev == '' then
		gone[#gone + 1] = {i, suffix}
	else
		sets[#sets + 1] = KEYS[i]
		sets[#sets + 1] = word()
		sets[#sets + 1] = KEYS[i + 1]
		sets[#sets + 1] = word()
		told[#told + 1] = suffix
		told[#told + 1] = rev
	end
end

local step = 1000 -- what fits on Lua's stack
for from = 1, #sets, step do
	redis.call('MSET', unpack(sets, from, math.min(from + step - 1, #sets)))
end
for _, value in ipairs(gone) do
	local i, suffix = value[1], value[2]
	if redis.call('UNLINK', KEYS[i]) == 1 then
		changed = changed + 1
		told[#told + 1] = suffix
		told[#told + 1] = ''
	end
	redis.call('UNLINK', KEYS[i + 1])
end
for from = 1, #told, step do
	redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(told, from, math.min(from + step - 1, #told)))
end
if #told > 0 then
	redis.call('APPEND', KEYS[1], ARGV[1] .. ' ' .. changed .. '\n')
end
return changed
