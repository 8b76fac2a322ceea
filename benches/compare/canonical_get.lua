#!lua name=compare

-- What one would write without the module: params made canonical, hashed, and looked up.

local function canonical(value)
  if type(value) ~= 'table' then
    return cjson.encode(value)
  end
  local parts = {}
  if #value > 0 then
    for index, member in ipairs(value) do
      parts[index] = canonical(member)
    end
    return '[' .. table.concat(parts, ',') .. ']'
  end
  for name in pairs(value) do
    parts[#parts + 1] = name
  end
  table.sort(parts)
  for index, name in ipairs(parts) do
    parts[index] = cjson.encode(name) .. ':' .. canonical(value[name])
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

local function key_of(keys, args)
  return 'lua:{' .. keys[1] .. '}:' .. args[1] .. ':' .. redis.sha1hex(canonical(cjson.decode(args[2])))
end

redis.register_function{
  function_name = 'canonical_get',
  flags = { 'no-writes' },
  callback = function(keys, args)
    return redis.call('GET', key_of(keys, args))
  end,
}

redis.register_function('canonical_set', function(keys, args)
  return redis.call('SETEX', key_of(keys, args), 3600, args[3])
end)
