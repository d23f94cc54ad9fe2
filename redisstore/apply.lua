-- Carries out calls one after the other: each checks its conditions on values
-- and, if all hold, makes its changes. What the script does is one step for
-- everybody else.
--
-- KEYS: the marker, the log, then of each value its key and that of its mark.
-- ARGV: the number of calls. For each of them: the number of conditions, and for
-- each the position of the value in KEYS and the revision ("" for absent); the
-- number of changes, and for each the position, the suffix of the key, the new
-- revision ("" for a removal) and, where it is not a removal, data and mark.
--
-- Answers for each call the number of values that were removed; or what stands in
-- the way: "conflict"; "damaged", a key; "suspect", the data of another
-- program, which the client has to look at; "refused", an error.
local at = 0
local function word()
	at = at + 1
	return ARGV[at]
end

local step = 1000 -- what fits on Lua's stack
local answers, changed = {}, {} -- by call
local known = {}                -- revisions of what calls before have put, by key
local told = {}                 -- suffixes and revisions of what was changed
local sets, news, waiting = {}, {}, {} -- puts to be made, what is to be told of them, their calls

-- What is put by many calls is put at once.
local function flush()
	local refused
	for from = 1, #sets, step do
		local r = redis.pcall('MSET', unpack(sets, from, math.min(from + step - 1, #sets)))
		if r.err then
			refused, known, news = r.err, {}, {}
		end
	end
	for i = 1, #news do
		told[#told + 1] = news[i]
	end
	for _, call in ipairs(waiting) do
		if refused then
			answers[call] = {'refused', refused}
		end
	end
	sets, news, waiting = {}, {}, {}
end

-- The revision under a key; or what stands in the way. With the data, if it is of
-- another program.
local function revision(i)
	local rev = known[KEYS[i]]
	if rev then
		return rev
	end
	local data = redis.pcall('GET', KEYS[i])
	if type(data) == 'table' then
		return nil, {'damaged', KEYS[i]}
	end
	if not data then
		return ''
	end
	local sum, mark = redis.sha1hex(data), redis.pcall('GET', KEYS[i + 1])
	local of, digest
	if type(mark) == 'string' then
		of, digest = string.match(mark, '^1 (%S+) %-?%d+ (%x+)$')
	end
	if digest == sum then
		return of
	end
	return (of or '') .. '-' .. sum, {'suspect', data}
end

-- What stands in the way of a call. All its conditions are read.
local function obstacle()
	local first
	for _ = 1, tonumber(word()) do
		local i, want = tonumber(word()), word()
		if not first then
			local rev, why = revision(i)
			if rev ~= want then
				first = why or {'conflict'}
			end
		end
	end
	return first
end

-- Puts together what a call changes; what it removes comes after all puts that
-- wait, since those can be refused.
local function change(call, why)
	local gone = {}
	for _ = 1, tonumber(word()) do
		local i, suffix, rev = tonumber(word()), word(), word()
		if rev == '' then
			gone[#gone + 1] = {i, suffix}
		else
			local data, mark, n = word(), word(), #sets
			if not why then
				sets[n + 1], sets[n + 2], sets[n + 3], sets[n + 4] = KEYS[i], data, KEYS[i + 1], mark
				news[#news + 1] = suffix
				news[#news + 1] = rev
				known[KEYS[i]] = rev
				changed[call] = true
			end
		end
	end
	return gone
end

local function remove(call, gone)
	for _, value in ipairs(gone) do
		local i, suffix = value[1], value[2]
		if redis.call('UNLINK', KEYS[i]) == 1 then
			answers[call] = answers[call] + 1
			told[#told + 1] = suffix
			told[#told + 1] = ''
			changed[call] = true
		end
		redis.call('UNLINK', KEYS[i + 1])
		known[KEYS[i]] = nil
	end
end

for call = 1, tonumber(word()) do
	local why = obstacle()
	local gone = change(call, why)
	answers[call] = why or 0
	if changed[call] then
		waiting[#waiting + 1] = call
	end
	if not why and #gone > 0 then
		flush()
		if answers[call] == 0 then
			remove(call, gone)
		end
	end
end
flush()

for from = 1, #told, step do
	redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 4096, '*', unpack(told, from, math.min(from + step - 1, #told)))
end
local results = {}
for call, answer in ipairs(answers) do
	if changed[call] and type(answer) == 'number' then
		results[#results + 1] = (call - 1) .. ' ' .. answer .. '\n'
	end
end
if #results > 0 then
	redis.call('APPEND', KEYS[1], table.concat(results))
end
return answers
