-- Puts what was used in the place of what was reserved. KEYS: the counters, then their holds; one of
-- each for every claim. ARGV, of each claim: the id of its reservation, its window (4), the amount that
-- was reserved, the lease in ms (0: none), when it was reserved (0: not known), what was used, and 1 where
-- an earlier attempt may have done all this.

local count = #KEYS / 2
local time = clock()
for i = 1, count do
  local at = 1 + (i - 1) * 10
  local window = window_of(at + 1)
  local reserved, lease = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local reserved_at, spent = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8])
  local is_first = ARGV[at + 9] ~= '1'
  local key, holds = KEYS[i], KEYS[count + i]
  local member = ARGV[at] .. ':' .. text(reserved) .. ':' .. text(lease)

  local counter = parse(redis.call('GET', key))
  local now = present(time, { counter })
  local ends = lease > 0 and redis.call('ZSCORE', holds, member)
  -- What replaces which amount. A hold that is not there was settled before, or its lease is over:
  -- then what was used is yet to be counted.
  local change, replaced = settle, nil
  if ends then
    redis.call('ZREM', holds, member)
    reserved_at, replaced = tonumber(ends) - lease, reserved
  elseif lease == 0 and is_first and not has_run(KEYS[count + 1]) then
    change, replaced = correct, reserved
  elseif lease > 0 and is_first and reserved_at > 0 and reserved_at + lease <= now
    and not has_run(KEYS[count + 1])
  then
    replaced = 0
  end
  if replaced then
    counter = counter or new(window, now)
    advance(counter, window, now)
    change(counter, window, reserved_at, replaced, spent)
    end_holds(holds, counter, window, now)
    keep(key, counter, window, now)
  end
end
return count
