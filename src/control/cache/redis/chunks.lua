-- An entry that is too long for one value is a list of chunks: `taigchunks1 ID COUNT BYTES`.
local function drop_chunks(entry)
  local id, count = string.match(redis.call('GETRANGE', entry, 0, 99), '^taigchunks1 (%x+) (%d+) ')
  if id then
    for number = 0, math.min(tonumber(count), 1024) - 1 do
      redis.call('UNLINK', entry .. ':' .. id .. ':' .. number)
    end
  end
end

local function is_held(lease, token)
  local held = redis.call('GET', lease)
  return held == token or held == token .. '+', held == token .. '+'
end

-- How many batches were dropped from the front of a recording.
local function gone(recording) return tonumber(redis.call('GET', recording .. ':gone') or 0) end

local function drop_recording(recording) redis.call('UNLINK', recording, recording .. ':gone') end

