-- Figures of the cache for prometheus-redis-exporter, which runs this in the server at each scrape (its option -script) and
-- makes a metric of each pair that comes back. prometheus.yml takes the names apart again: figure|namespace|operation.

-- The namespaces that are told apart, with their operations. The server's own figures are always there.
local NAMESPACES = { 'demo' }

local pairs_of_all = {}

local function add(namespace, operation, flat)
    local operations = {}
    for i = 1, #flat, 2 do
        local name, value = flat[i], flat[i + 1]
        if name == 'operations' then
            operations = value
        elseif name == 'health' then
            -- What is idle is not ill.
            name, value = 'healthy', value == 'degraded' and 0 or 1
        end
        if tonumber(value) then
            pairs_of_all[#pairs_of_all + 1] = name .. '|' .. namespace .. '|' .. operation
            pairs_of_all[#pairs_of_all + 1] = tostring(value)
        end
    end
    return operations
end

add('', '', redis.call('CACHE.STATS'))
for _, namespace in ipairs(NAMESPACES) do
    -- An error has no pairs: of another node of the cluster, or closed to this user.
    for _, operation in ipairs(add(namespace, '', redis.pcall('CACHE.STATS', namespace))) do
        add(namespace, operation, redis.call('CACHE.STATS', namespace, operation))
    end
end
return pairs_of_all
