-- Remembers which replicas of a service do not answer, so that requests neither wait for them again nor for a service without any:
-- docs/reference/limits.md. Docker's DNS server names the containers of a host that is gone until Swarm notices, after more than a minute.
-- Nginx asks it for each request, and so forgets each time which replica let it wait.
local replicas = {}

local ngx = ngx
local memory = ngx.shared.replica_memory -- for all workers

-- Seconds: how long a service with a silent replica is treated as such; how long a replica counts as present after its last connection,
-- longer, because a request that finds a silent replica goes to another one next; the least time between two requests that go by name, and
-- so find new replicas and old ones that are back.
local SICK, PRESENT, SELDOM = 30, 90, 10
-- Seconds of a search: for a connection, between two of them, and for both at most; and how long a request waits for the first one.
local PATIENCE, PAUSE, LONGEST, GLANCE = 2, 0.2, 10, 0.2
-- The upstream in snippets/lua.conf whose servers are ngx.ctx.replicas.
local KNOWN = "known_replicas"
-- A service that has had more addresses forgets the oldest.
local MOST = 32

local turn = 0

-- Returns the service's replicas that have answered lately, beginning with another one each time.
local function present(place)
    local found = {}
    for address in (memory:get("of " .. place) or ""):gmatch("%S+") do
        if memory:get("up " .. address) then found[#found + 1] = address end
    end
    turn = turn + 1
    local rotated = {}
    for number = 1, #found do rotated[number] = found[(number + turn) % #found + 1] end
    return rotated
end

-- Tries to connect to a service without any present replica, beside all requests, until one answers or a while has passed.
local function search(premature, place)
    local host, port = place:match("^(.*):(%d+)$")
    local ends = ngx.now() + SICK
    while not premature and host and ngx.now() < ends and not ngx.worker.exiting() do
        memory:set("search " .. place, true, LONGEST)
        local socket = ngx.socket.tcp()
        socket:settimeout(PATIENCE * 1000)
        if socket:connect(host, tonumber(port)) then
            socket:close()
            memory:set("found " .. place, true, SICK)
            break
        end
        ngx.sleep(PAUSE)
    end
    memory:delete("search " .. place)
end

-- For the access phase: usually does nothing. If a replica of $place was silent lately, the request goes to those that are present, and now
-- and then one goes by name. If none is present, all fail at once until a search has found one.
function replicas.choose()
    local var = ngx.var
    local place = var.place
    if not place or place == "" or not memory:get("sick " .. place) then return end
    if var.upstream_addr then return end -- the page of an error, or a file that the service has named
    local found = present(place)
    if #found > 0 then
        if memory:add("by name " .. place, true, SELDOM) then return end
        ngx.ctx.replicas = found
        var.place = KNOWN
    elseif not memory:get("found " .. place) then
        if memory:add("search " .. place, true, LONGEST) then ngx.timer.at(0, search, place) end
        ngx.sleep(GLANCE)
        if memory:get("found " .. place) then return end
        var.place = "" -- the page of the error needs no replica
        return ngx.exit(ngx.HTTP_GATEWAY_TIMEOUT)
    end
end

-- For each attempt of a request that replicas.choose() has sent to known replicas.
function replicas.next()
    local balancer = require "ngx.balancer"
    local found, number = ngx.ctx.replicas, (ngx.ctx.replica or 0) + 1
    if number == 1 and #found > 1 then balancer.set_more_tries(#found - 1) end
    ngx.ctx.replica = number
    local host, port = found[number]:match("^(.*):(%d+)$")
    balancer.set_current_peer(host, tonumber(port))
end

local function remember(place, address, connected, timed_out)
    if connected then
        memory:set("up " .. address, true, PRESENT)
        if place == KNOWN or place == "" then return end
        local known = memory:get("of " .. place) or ""
        if (" " .. known .. " "):find(" " .. address .. " ", 1, true) then return end
        local kept, count = address, 1
        for other in known:gmatch("%S+") do
            count = count + 1
            if count <= MOST then kept = kept .. " " .. other end
        end
        memory:set("of " .. place, kept)
    elseif timed_out then
        memory:delete("up " .. address)
        memory:delete("found " .. place)
        if place ~= KNOWN and place ~= "" then memory:set("sick " .. place, true, SICK) end
    end
end

-- For the log phase: remembers who has answered, and who was silent. A refused connection is no silence: it costs no time.
function replicas.remember()
    local var = ngx.var
    local addresses, place = var.upstream_addr, var.place
    if not place or not addresses or addresses:sub(1, 5) == "unix:" then return end
    local times, statuses = var.upstream_connect_time or "", var.upstream_status or ""
    if not addresses:find(",", 1, true) and not addresses:find(" ", 1, true) then
        return remember(place, addresses, times ~= "-", statuses == "504")
    end
    local time, status = times:gmatch("[^,: ]+"), statuses:gmatch("[^,: ]+")
    for address in addresses:gmatch("[^, ]+") do
        if address ~= ":" then
            local took, answered = time(), status()
            remember(place, address, took ~= nil and took ~= "-", answered == "504")
        end
    end
end

return replicas
