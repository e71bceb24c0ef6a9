-- What a counter holds. KEYS: the counter, its holds. ARGV: its window (4), and what is given back of
-- it: a number, `all`, or nothing; of what is given back, a number that no other call has. Answers what is
-- in use, what is left, and ms until nothing counts.

local counter = parse(redis.call('GET', KEYS[1]))
local now = present(clock(), { counter })
local window = window_of(1)
counter = counter or new(window, now)
advance(counter, window, now)
local is_changed = end_holds(KEYS[2], counter, window, now)
if ARGV[5] ~= '' and not has_run(KEYS[2]) then
  if ARGV[5] == 'all' then
    counter.used, counter.before = 0, 0
  else
    give_back(counter, window, now, tonumber(ARGV[5]))
  end
  is_changed = true
end
if is_changed then keep(KEYS[1], counter, window, now) end
local used = in_use(counter, window, now)
return { used, math.max(0, window.capacity - used), resets_after(counter, window, now) }
