-- Counts all claims, or none. KEYS: the counters, then their holds. ARGV: the id; of each claim its
-- window (4), amount, lease in ms (0: none), and 1 where it counts though there is no room.
-- Answers whether they count, the time, and of each claim: in use, left, 1 if there was no room, ms
-- until nothing counts, ms until there may be room.

-- A hold of the claim whose arguments begin there.
local function member_of(at) return ARGV[1] .. ':' .. ARGV[at + 4] .. ':' .. ARGV[at + 5] end

local count = #KEYS / 2
local kept = redis.call('MGET', unpack(KEYS, 1, count))
local by_key = {}
for i = 1, count do by_key[KEYS[i]] = parse(kept[i]) end
local now = present(clock(), by_key)

-- The client of a cluster sends this again where it has lost a connection. As all claims count or none, one
-- that is held tells that all of them count, and need no room.
local is_counted = false
for i = 1, count do
  local at = 2 + (i - 1) * 7
  if ARGV[at + 5] ~= '0' then
    is_counted = redis.call('ZSCORE', KEYS[count + i], member_of(at))
    break
  end
end

local windows, amounts, retries = {}, {}, {}
local is_granted = true
for i = 1, count do
  local key, at = KEYS[i], 2 + (i - 1) * 7
  local window, amount = window_of(at), tonumber(ARGV[at + 4])
  local counter = by_key[key] or new(window, now)
  by_key[key], windows[i], amounts[i] = counter, window, amount
  advance(counter, window, now)
  if end_holds(KEYS[count + i], counter, window, now) then counter.is_changed = true end
  -- Two claims may be of one counter.
  local need = (counter.claimed or 0) + math.max(amount, 1)
  counter.claimed = (counter.claimed or 0) + amount
  if not is_counted and in_use(counter, window, now) + need > window.capacity then
    retries[i] = retry_after(counter, window, need, now)
    if ARGV[at + 6] ~= '1' then is_granted = false end
  end
end

local answer = { is_granted and 1 or 0, now }
for i = 1, count do
  local key, at, window, amount = KEYS[i], 2 + (i - 1) * 7, windows[i], amounts[i]
  local counter, lease = by_key[key], tonumber(ARGV[at + 5])
  local is_new = not is_counted
  -- A hold of nothing, too, for by it a settlement is known to be the first.
  if is_granted and lease > 0 then
    local holds, ends = KEYS[count + i], now + lease
    is_new = redis.call('ZADD', holds, 'NX', text(ends), member_of(at)) == 1
    if counter.due == 0 or ends < counter.due then counter.due = ends end
    counter.last = math.max(counter.last, ends)
    counter.is_changed = true
    redis.call('PEXPIRE', holds, text(counter.last - now + LAG))
  end
  if is_granted and is_new and amount > 0 then
    local part = lease > 0 and 'held' or 'used'
    counter[part] = counter[part] + amount
    counter.is_changed = true
  end
  if counter.is_changed then keep(key, counter, window, now) end
  local used = in_use(counter, window, now)
  answer[#answer + 1] = used
  answer[#answer + 1] = retries[i] and 0 or math.max(0, window.capacity - used)
  answer[#answer + 1] = retries[i] and 1 or 0
  answer[#answer + 1] = resets_after(counter, window, now)
  answer[#answer + 1] = retries[i] or 0
end
return answer
