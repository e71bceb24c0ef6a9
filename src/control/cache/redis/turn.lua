-- Whose turn it is. KEYS: the lease, the number of the last one. ARGV: a random number, ms of the lease, ms
-- that the number is kept. Answers whether the lease is ours, and its token. Whoever follows leaves a mark
-- behind the token.
local held = redis.call('GET', KEYS[1])
if held then
  local token = string.gsub(held, '%+$', '')
  if held == token then redis.call('SET', KEYS[1], token .. '+', 'KEEPTTL') end
  return { 0, token }
end
local token = redis.call('INCR', KEYS[2]) .. '-' .. ARGV[1]
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return { 1, token }
