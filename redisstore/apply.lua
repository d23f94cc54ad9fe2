-- Carries out calls one after the other: each checks its conditions on values
-- and, if all hold, makes its changes. What the script does is one step for
-- everybody else. In a call, what can be refused comes before what cannot.
--
-- KEYS: the marker, the log, then of each value its key and that of its mark.
-- ARGV: the number of calls. For each of them:
--   the number of conditions; for each the position of the value in KEYS and the
--   revision, "" for absent;
--   the number of puts; for all of them key, data, key of the mark, mark; then
--   for all of them the suffix of the key and the revision, as the log has them;
--   the number of removals; for each the position and the suffix.
--
-- Answers for each call the number of values that were removed; or what stands in
-- the way: "conflict"; "damaged", a key; "suspect", the data of another program,
-- which the client has to look at; "refused", an error.
local calls, at = tonumber(ARGV[1]), 2
local step = 1000 -- what fits on Lua's stack; whole puts
local answers, results, told = {}, {}, {}
local known = {} -- revisions that were seen or made here, by key

-- What stands in the way of a condition.
local function obstacle(i, want)
	local key = KEYS[i]
	local rev = known[key]
	if rev then
		return rev ~= want and {'conflict'} or nil
	end
	local data = redis.pcall('GET', key)
	if not data then
		known[key] = ''
		return want ~= '' and {'conflict'} or nil
	elseif type(data) == 'table' then
		return {'damaged', key}
	end
	local sum, mark, digest = redis.sha1hex(data), redis.pcall('GET', KEYS[i + 1]), nil
	if type(mark) == 'string' then
		rev, digest = string.match(mark, '^1 (%S+) %-?%d+ (%x+)$')
	end
	if digest == sum then
		known[key] = rev
		return rev ~= want and {'conflict'} or nil
	end
	rev = (rev or '') .. '-' .. sum
	return rev ~= want and {'suspect', data} or nil
end

-- Makes the puts whose words stand from one place to before another; or says why
-- not. Of what another call is to look at, the revisions are kept.
local function put(from, to)
	for first = from, to - 1, step do
		local r = redis.pcall('MSET', unpack(ARGV, first, math.min(first + step, to) - 1))
		if r.err then
			known = {}
			return {'refused', r.err}
		end
	end
	if calls > 1 then
		for n = 0, (to - from) / 4 - 1 do
			known[ARGV[from + 4 * n]] = ARGV[to + 2 * n + 1]
		end
	end
end

local function tell(from, to)
	if calls > 1 then
		for n = from, to - 1 do
			told[#told + 1] = ARGV[n]
		end
		return
	end
	for first = from, to - 1, step do
		redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(ARGV, first, math.min(first + step, to) - 1))
	end
end

local function remove(from, to)
	local gone = 0
	for n = from, to - 1, 2 do
		local i = tonumber(ARGV[n])
		if redis.call('UNLINK', KEYS[i]) == 1 then
			gone = gone + 1
			told[#told + 1] = ARGV[n + 1]
			told[#told + 1] = ''
		end
		redis.call('UNLINK', KEYS[i + 1])
		known[KEYS[i]] = ''
	end
	return gone
end

for call = 1, calls do
	local why
	local conds = at + 1
	at = conds + 2 * tonumber(ARGV[at])
	for n = conds, at - 1, 2 do
		why = why or obstacle(tonumber(ARGV[n]), ARGV[n + 1])
	end
	local puts = tonumber(ARGV[at])
	local sets = at + 1
	local news = sets + 4 * puts
	at = news + 2 * puts
	local removals = at + 1
	at = removals + 2 * tonumber(ARGV[at])
	if not why and puts > 0 then
		why = put(sets, news)
		if not why then
			tell(news, removals - 1)
		end
	end
	local gone = 0
	if not why then
		gone = remove(removals, at)
		if puts + gone > 0 then
			results[#results + 1] = (call - 1) .. ' ' .. gone .. '\n'
		end
	end
	answers[call] = why or gone
end

for from = 1, #told, step do
	redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(told, from, math.min(from + step - 1, #told)))
end
if #results > 0 then
	redis.call('APPEND', KEYS[1], table.concat(results))
end
return answers
