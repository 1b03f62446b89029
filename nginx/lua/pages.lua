-- Which requests may share a page, under which key, and which pages may be kept: docs/adr/0045-pages-are-kept-for-a-second.md.
-- nginx/conf.d/pages.conf and nginx/snippets/page-cache.conf call it. It is Lua because Nginx's own lock would let the visitors of a page
-- that may not be kept wait for each other: only a memory of such pages avoids that.
local pages = {}

local ngx = ngx
local memory = ngx.shared.page_memory -- for all workers; the least recently used entries give way

-- Seconds: how long a verdict is remembered; the time after which a page that may not be kept is looked at again; how long visitors wait
-- for the first answer of an unknown page, after which they request it themselves.
local REMEMBERED, AGAIN, PATIENCE = 86400, 10, 10
-- Seconds between two looks of somebody who waits: at first, and at most.
local SHORTEST, LONGEST = 0.01, 0.2
-- Beyond this many bytes a key leaves too little of Nginx's buffer for the headers.
local LONGEST_KEY = 1500
-- Nginx stores no answer with a longer header Vary (NGX_HTTP_CACHE_VARY_LEN).
local LONGEST_VARY = 128
-- Entries of each worker's tables of headers that were read already; a full table is emptied.
local MOST = 1000

-- Parameters that mark where a visitor comes from; no page varies by them.
local NOISE = {
    gclid = true, gclsrc = true, dclid = true, gbraid = true, wbraid = true, fbclid = true, msclkid = true, twclid = true, ttclid = true,
    li_fat_id = true, yclid = true, igshid = true, mc_cid = true, mc_eid = true, _ga = true, _gl = true,
}
-- Cookies of scripts that count visitors in the browser; a server does not read them.
local COUNTERS = {"^_ga$", "^_ga_", "^_gid$", "^_gat", "^_gcl_", "^_pk_", "^__utm", "^_fbp$"}

-- Returns a function like the given one, which remembers its answers.
local function remembering(answer)
    local known, count = {}, 0
    return function(rule, text)
        local of = known[rule]
        if of and of[text] ~= nil then return of[text] end
        if count >= MOST then known, count = {}, 0 end
        known[rule] = known[rule] or {}
        local found = answer(rule, text)
        known[rule][text], count = found, count + 1
        return found
    end
end

-- Returns "en ru" as {"en", "ru"}.
local function words(text)
    local found = {}
    for word in text:gmatch("%S+") do found[#found + 1] = word end
    return found
end

-- Returns the language of the list that a tag like "de-AT" means, if any: itself, a shorter form of it, or a longer one.
local function supported(languages, tag)
    tag = tag:lower()
    local shorter = tag
    while shorter do
        for _, language in ipairs(languages) do
            if language:lower() == shorter then return language end
        end
        shorter = shorter:match("^(.*)%-[^-]*$")
    end
    local general = tag:match("^[^-]*") .. "-"
    for _, language in ipairs(languages) do
        if language:lower():sub(1, #general) == general then return language end
    end
end

-- Returns the language of the list that a browser prefers, else the first one.
local preferred = remembering(function(list, header)
    local languages, wishes = words(list), {}
    for wish in header:gmatch("[^,]+") do
        local tag, rest = wish:match("^%s*([%w*-]+)(.*)$")
        local quality = rest and (tonumber(rest:match("[qQ]=([%d.]+)") or 1))
        if tag and quality and quality > 0 then wishes[#wishes + 1] = {tag = tag, quality = quality, place = #wishes} end
    end
    table.sort(wishes, function(one, other)
        if one.quality ~= other.quality then return one.quality > other.quality end
        return one.place < other.place
    end)
    for _, wish in ipairs(wishes) do
        if wish.tag == "*" then break end
        local found = supported(languages, wish.tag)
        if found then return found end
    end
    return languages[1]
end)

-- Returns the value of the language cookie ("" without it) if all cookies are that one or counters; else nil: the visitor has a session.
local function chosen_language(cookies, name)
    local value = ""
    for cookie, text in cookies:gmatch("([^=;]+)=?([^;]*)") do
        cookie = cookie:match("^%s*(.-)%s*$")
        if cookie == name then
            value = text
        else
            local counts = cookie == ""
            for _, pattern in ipairs(COUNTERS) do counts = counts or cookie:find(pattern) ~= nil end
            if not counts then return nil end
        end
    end
    return value
end

-- Returns the parameters of a query by which a page varies, in their order. `rule` is what its last answer said (No-Vary-Search): "" for
-- nothing, "-a b " for all parameters but these, "+a b " for these alone.
local function significant(query, rule)
    local found, mark = {}, rule:sub(1, 1)
    for parameter in query:gmatch("[^&]+") do
        local name = parameter:match("^[^=]*")
        local listed = mark ~= "" and rule:find(" " .. name .. " ", 1, true) ~= nil
        local matters = not (NOISE[name] or name:sub(1, 4) == "utm_")
        if mark == "+" then matters = listed elseif mark == "-" then matters = matters and not listed end
        if matters then found[#found + 1] = parameter end
    end
    return table.concat(found, "&")
end

-- Waits until another visitor's request has told whether an unknown page may be kept; returns that, or nil for the one who finds out.
local function awaited(key)
    local pause, until_then = SHORTEST, ngx.now() + PATIENCE
    while not memory:add("?" .. key, true, PATIENCE) and ngx.now() < until_then do
        ngx.sleep(pause)
        pause = math.min(pause * 1.5, LONGEST)
        local verdict = memory:get(key)
        if verdict ~= nil then return verdict end
    end
end

-- Decides about a request: sends it through the cache, or leaves it as it is. Reads $page_languages and
-- $page_language_cookie; sets $page_zone, $page_key, $page_language and $page_source.
local function choose(var)
    local method = var.request_method
    if method ~= "GET" and method ~= "HEAD" then return end
    if var.shares_no_page ~= "" then return end
    local cookies, language = var.forwarded_cookies, ""
    local list, wish = var.page_languages, ""
    if cookies and cookies ~= "" then
        wish = chosen_language(cookies, list ~= "" and var.page_language_cookie or nil)
        if not wish then return end
    end
    if list ~= "" then
        language = wish ~= "" and supported(words(list), wish) or preferred(list, var.http_accept_language or "")
    end
    local uri = var.request_uri
    local mark = uri:find("?", 1, true) -- no pattern: LuaJIT compiles this one
    local path, query = mark and uri:sub(1, mark - 1) or uri, mark and uri:sub(mark + 1) or ""
    local page = var.scheme .. "://" .. var.forwarded_host .. path
    if mark then
        query = significant(query, memory:get("=" .. page) or "")
        uri = query == "" and path or path .. "?" .. query
    end
    local key = language .. "|" .. page .. "?" .. query -- it neither begins nor ends with a space, which a header would lose
    if #key > LONGEST_KEY then return end
    local kept = memory:get(key)
    if kept == nil then kept = awaited(key) end
    if kept == false and not memory:add("!" .. key, true, AGAIN) then return end
    var.page_zone = "public_pages"
    var.page_key = key
    var.page_language = language
    var.page_source = "unix:/tmp/pages.sock:" .. uri
end

-- For the access phase. A fault here may cost the cache, but not the page.
function pages.choose()
    local done, fault = pcall(choose, ngx.var)
    if not done then ngx.log(ngx.ERR, "pages.choose: ", fault) end
end

-- Returns the directives of Cache-Control: name -> value, or true without one.
local function directives(header)
    local found = {}
    for name, value in header:lower():gmatch('([%w-]+)%s*=?%s*"?([^",]*)"?') do found[name] = value ~= "" and value or true end
    return found
end

-- Returns a header's values as one text; "" without the header.
local function text(value)
    if type(value) == "table" then return table.concat(value, ", ") end
    return value or ""
end

-- Returns the seconds for which an answer is fresh; nil if it may not be kept.
local function freshness(status, header)
    local says = directives(text(header["Cache-Control"]))
    if status ~= 200 or not says.public or says["private"] or says["no-store"] or says["no-cache"] then return nil end
    -- A stale page of these may never be sent.
    if says["must-revalidate"] or says["proxy-revalidate"] then return nil end
    if header["Set-Cookie"] or text(header["Vary"]):find("*", 1, true) then return nil end
    -- Nginx stores none of these, and its lock would let their visitors wait for each other.
    if header["X-Accel-Redirect"] or header["X-Accel-Buffering"] == "no" or #text(header["Vary"]) > LONGEST_VARY then return nil end
    local seconds = says["s-maxage"] == nil and 1 or tonumber(says["s-maxage"])
    return seconds and seconds >= 1 and math.floor(seconds) or nil
end

-- Returns the header Vary without that which no kept page varies by: the key has the language, and the service saw no cookie.
local function remaining(vary, has_language)
    local found = {}
    for name in vary:gmatch("[^%s,]+") do
        local lower = name:lower()
        local settled = lower == "cookie" or lower == "accept-encoding" or (lower == "accept-language" and has_language)
        if not settled then found[#found + 1] = name end
    end
    return table.concat(found, ", ")
end

-- Returns No-Vary-Search as significant() takes it. https://datatracker.ietf.org/doc/draft-ietf-httpbis-no-vary-search/
local function rule(header)
    local names = {}
    for name in header:gmatch('"([^"]*)"') do names[#names + 1] = name end
    local list = " " .. table.concat(names, " ") .. " "
    if header:find("params=%(") then return "-" .. list end
    if header:find("params") then return "+" .. list end
    return ""
end

-- Judges a service's answer, in the header filter of the server between the cache and the service: whether and how long it may be kept.
-- The headers that the visitor gets travel under other names (nginx/snippets/header-defaults.conf), for Nginx would take them as its own rules.
function pages.judge()
    local var, header, status = ngx.var, ngx.header, ngx.status
    local key = var.http_x_page_key
    header["X-Page-Upstream"] = var.upstream_addr -- for the log
    local seconds = freshness(status, header)
    -- An error says nothing about the page.
    if status < 500 and status ~= 429 then
        memory:set(key, seconds ~= nil, REMEMBERED)
        if not seconds then memory:set("!" .. key, true, AGAIN) end
    end
    memory:delete("?" .. key)
    if not seconds then
        header["X-Accel-Expires"] = "0"
        return
    end
    local searched = text(header["No-Vary-Search"])
    if searched ~= "" then memory:set("=" .. key:match("^[^|]*|([^?]*)"), rule(searched), REMEMBERED) end
    -- Nginx counts whole seconds, and a page is still fresh in the one that is named: so none is fresh for longer than it says.
    header["X-Accel-Expires"] = "@" .. (ngx.time() + seconds - 1)
    local control = text(header["Cache-Control"])
    header["X-Page-Cache-Control"] = control
    if not control:find("stale%-while%-revalidate") then header["Cache-Control"] = control .. ", stale-while-revalidate=1" end
    local vary = text(header["Vary"])
    if vary ~= "" then
        header["X-Page-Vary"] = vary
        local left = remaining(vary, text(var.http_x_page_language) ~= "")
        header["Vary"] = left ~= "" and left or nil
    end
    -- Two versions of a second have the same date: where there is an ETag, it alone answers 304.
    if header["ETag"] then
        header["X-Page-Last-Modified"] = header["Last-Modified"]
        header["Last-Modified"] = nil
    end
end

return pages
