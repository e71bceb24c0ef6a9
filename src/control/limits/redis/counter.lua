-- How counters are kept, for all scripts: the arithmetic of `window.rs`, line by line. Numbers are
-- doubles, exact up to 2^53.
--
-- A counter is a string of seven numbers: `start used before held`, as in `window.rs`; `seen`, the latest
-- time that it was used at; and of its holds, `due`, before which none ends (0: there is none), and `last`,
-- after which all have ended. Its holds are a sorted set of `id:amount:lease` by the time of their end.

local LAG = 60000
local LAST = 4503599627370496
local LONGEST = 67108864
local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local FIXED, SLIDING, BUCKET = 1, 2, 3
-- A bucket that nothing flows into would be kept for ever.
local YEAR = 366 * DAY
-- So many holds end in one step. Those of a replica that has crashed may be many.
local AT_ONCE = 1000

local function down(a, b) return (a - a % b) / b end
local function up(a, b) return down(a + b - 1, b) end
local function text(number) return string.format('%.0f', number) end

local function clock()
  local time = redis.call('TIME')
  return math.min(tonumber(time[1]) * 1000 + down(tonumber(time[2]), 1000), LAST)
end

-- Whether the script has run with these arguments within a minute: where the client of a cluster has lost a
-- connection, it sends again what may have run.
local is_repeated
local function has_run(key)
  if is_repeated == nil then
    local call = redis.sha1hex(table.concat(ARGV, ' '))
    is_repeated = not redis.call('SET', key .. ':' .. call, '', 'NX', 'PX', text(MINUTE))
  end
  return is_repeated
end

local function day_of_month(day)
  day = (day + 719468) % 146097
  local year = down(day - down(day, 1460) + down(day, 36524) - down(day, 146096), 365)
  local of_year = day - (365 * year + down(year, 4) - down(year, 100))
  local month = down(5 * of_year + 2, 153)
  return of_year - down(153 * month + 2, 5)
end

local function first(period, now)
  local day = down(now, DAY)
  if period == 1 then return now - now % MINUTE end
  if period == 2 then return now - now % HOUR end
  if period == 3 then return day * DAY end
  if period == 4 then return math.max(0, day - (day + 3) % 7) * DAY end
  return (day - day_of_month(day)) * DAY
end

local function finish(period, now)
  local day = down(now, DAY)
  if period == 1 then return now - now % MINUTE + MINUTE end
  if period == 2 then return now - now % HOUR + HOUR end
  if period == 3 then return (day + 1) * DAY end
  if period == 4 then return (day + 7 - (day + 3) % 7) * DAY end
  return first(period, first(period, now) + 31 * DAY)
end

-- From four arguments: the kind, its span (or the number of its period), the limit, the burst.
local function window_of(at)
  local window = {
    kind = tonumber(ARGV[at]), length = tonumber(ARGV[at + 1]), unit = 1,
    limit = tonumber(ARGV[at + 2]), capacity = tonumber(ARGV[at + 2]),
  }
  if window.kind == FIXED then
    window.period = window.length
  elseif window.length > LONGEST then
    window.length = math.min(up(window.length, 1000), LONGEST)
    window.unit = 1000
  end
  if window.kind == BUCKET then window.capacity = tonumber(ARGV[at + 3]) end
  return window
end

-- The counter as it was kept, if it was.
local function parse(kept)
  if not kept then return nil end
  local start, used, before, held, seen, due, last =
    string.match(kept, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not start then return nil end
  return {
    start = tonumber(start), used = tonumber(used), before = tonumber(before),
    held = tonumber(held), seen = tonumber(seen), due = tonumber(due), last = tonumber(last),
  }
end

-- The time to count by: that of the counters, where the clock is a little behind.
local function present(time, counters)
  local now = time
  for _, counter in pairs(counters) do
    if counter.seen > now and counter.seen - time <= LAG then now = counter.seen end
  end
  return now
end

local function place(window, now)
  if window.kind == FIXED then return first(window.period, now) end
  if window.kind == SLIDING then return down(down(now, window.unit), window.length) end
  return down(now, window.unit)
end

local function rest_of(window, now)
  return window.length - down(now, window.unit) % window.length
end

local function new(window, now)
  return {
    start = place(window, now), used = 0, before = 0, held = 0, seen = now, due = 0, last = 0,
  }
end

local function counted(counter) return counter.used + counter.held end

local function is_empty(counter)
  return counter.used == 0 and counter.before == 0 and counter.held == 0
end

-- What flows into a bucket, and what is left over of one. `before`: what was left over.
local function inflow(window, elapsed, before)
  local length, limit = window.length, window.limit
  local rest = elapsed % length
  local part = rest * (limit % length) + before
  local gain = down(elapsed, length) * limit + rest * down(limit, length) + down(part, length)
  return gain, part % length
end

local function advance(counter, window, now)
  local at = place(window, now)
  if window.kind == FIXED then
    if at > counter.start then counter.used, counter.held = 0, 0 end
  elseif window.kind == SLIDING then
    if at > counter.start then
      counter.before = at - counter.start == 1 and counted(counter) or 0
      counter.used, counter.held = 0, 0
    end
  elseif at > counter.start and counter.used > 0 then
    local gain, part = inflow(window, at - counter.start, counter.before)
    if gain >= counter.used then
      counter.used, counter.before = 0, 0
    else
      counter.used, counter.before = counter.used - gain, part
    end
  end
  counter.start = at
  counter.seen = now
end

local function in_use(counter, window, now)
  if window.kind ~= SLIDING or counter.before == 0 then return counted(counter) end
  local length, rest = window.length, rest_of(window, now)
  local before = counter.before
  return counted(counter) + down(before, length) * rest + up((before % length) * rest, length)
end

local function settle(counter, window, at, reserved, spent)
  local index = place(window, at)
  if window.kind == SLIDING and index + 1 == counter.start then
    counter.before = math.max(0, counter.before - reserved + spent)
  end
  if window.kind == BUCKET or index == counter.start then
    counter.held = math.max(0, counter.held - reserved)
    counter.used = counter.used + spent
  end
end

local function correct(counter, window, at, before, spent)
  local index = place(window, at)
  if window.kind == BUCKET then
    local less = before - spent
    if less > 0 then
      local gain = inflow(window, math.max(0, counter.start - index), 0)
      less = math.max(0, less - gain)
    end
    counter.used = math.max(0, counter.used - less)
    if counter.used == 0 then counter.before = 0 end
  elseif index == counter.start then
    counter.used = math.max(0, counter.used - before + spent)
  elseif window.kind == SLIDING and index + 1 == counter.start then
    counter.before = math.max(0, counter.before - before + spent)
  end
end

local function filled_after(counter, window, gain, now)
  local units = window.length
  if window.limit > 0 then
    units = up(math.max(0, gain * window.length - counter.before), window.limit)
  end
  return math.max(0, (counter.start + units) * window.unit - now)
end

local function resets_after(counter, window, now)
  if is_empty(counter) then return 0 end
  if window.kind == FIXED then return finish(window.period, now) - now end
  if window.kind == SLIDING then
    local stretches = counted(counter) > 0 and 2 or 1
    return math.max(0, (counter.start + stretches) * window.length * window.unit - now)
  end
  return filled_after(counter, window, counted(counter), now)
end

local function retry_after(counter, window, amount, now)
  local allowed = window.capacity - math.max(amount, 1)
  if allowed < 0 then return resets_after(counter, window, now) end
  if in_use(counter, window, now) <= allowed then return 0 end
  if window.kind == FIXED then return finish(window.period, now) - now end
  if window.kind == BUCKET then
    return filled_after(counter, window, counted(counter) - allowed, now)
  end
  local count, room, stretch = counted(counter), allowed, counter.start + 1
  if allowed >= count then
    count, room, stretch = counter.before, allowed - count, counter.start
  end
  local rest = window.length
  if count > 0 then rest = math.min(down(room * window.length, count), rest) end
  return math.max(0, ((stretch + 1) * window.length - rest) * window.unit - now)
end

local function give_back(counter, window, now, extra)
  local beyond = math.max(0, extra - counter.used)
  counter.used = math.max(0, counter.used - extra)
  if window.kind == SLIDING then
    local back = up(beyond * window.length, rest_of(window, now))
    counter.before = math.max(0, counter.before - back)
  elseif window.kind == BUCKET and counter.used == 0 then
    counter.before = 0
  end
end

-- What is held and never settled no longer counts when its lease is over.
local function end_holds(key, counter, window, now)
  if counter.due == 0 or now < counter.due then return false end
  local ended = redis.call(
    'ZRANGEBYSCORE', key, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, AT_ONCE)
  local members = {}
  for i = 1, #ended, 2 do
    members[#members + 1] = ended[i]
    local amount, lease = string.match(ended[i], '^%x+:(%d+):(%d+)$')
    if amount then
      settle(counter, window, tonumber(ended[i + 1]) - tonumber(lease), tonumber(amount), 0)
    end
  end
  if #members > 0 then redis.call('ZREM', key, unpack(members)) end
  local next = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  counter.due = next[2] and tonumber(next[2]) or 0
  return true
end

-- A key is kept for as long as it says something, and a little longer for clocks that differ.
local function keep(key, counter, window, now)
  local useful
  if window.kind == SLIDING then
    useful = (counter.start + 2) * window.length * window.unit - now
  elseif window.kind == BUCKET and window.limit == 0 then
    useful = YEAR
  else
    useful = resets_after(counter, window, now)
  end
  useful = math.min(math.max(useful, counter.last - now, 0) + LAG, LAST)
  redis.call('SET', key, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f',
    counter.start, counter.used, counter.before, counter.held, counter.seen, counter.due,
    counter.last),
    'PX', text(useful))
end
