-- Decides who leads. KEYS: the lease, the number of the last lease. ARGV: a random number, the TTL of the
-- lease in ms, the TTL of the number in ms. Returns whether the caller leads, and the token of the lease.
-- Marks a held lease as followed: a `+` behind its token. May be repeated.
local held = redis.call('GET', KEYS[1])
if held then
  local token = string.gsub(held, '%+$', '')
  -- The client of a cluster sends this again where it has lost a connection.
  if string.sub(token, -#ARGV[1]) == ARGV[1] then return { 1, token } end
  if held == token then redis.call('SET', KEYS[1], token .. '+', 'KEEPTTL') end
  return { 0, token }
end
local token = redis.call('INCR', KEYS[2]) .. '-' .. ARGV[1]
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return { 1, token }
