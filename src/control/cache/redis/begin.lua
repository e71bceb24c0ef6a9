-- Sets generations that are not there. KEYS: they. ARGV: a random number, ms that they are kept.
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) end
return redis.call('MGET', unpack(KEYS))
