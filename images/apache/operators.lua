-- Asks the console whether a visitor may see a page for operators, as Nginx does by auth_request: images/apache/apache.conf.
-- https://httpd.apache.org/docs/2.4/mod/mod_lua.html#luahookaccesschecker
local http = require "socket.http"
http.TIMEOUT = 5 -- seconds

local CONSOLE = "http://console:8000/internal/"

-- Returns status and headers of a page of the console about this request; nothing if the console does not answer.
local function ask(r, page)
    local headers = {
        ["Host"] = r.headers_in["Host"], ["Cookie"] = r.headers_in["Cookie"], ["Origin"] = r.headers_in["Origin"],
        ["X-Forwarded-For"] = r.useragent_ip, ["X-Forwarded-Proto"] = r.is_https and "https" or "http",
        ["X-Original-Method"] = r.method, ["X-Original-URI"] = r.unparsed_uri,
    }
    local _, status, answer = http.request {url = CONSOLE .. page, headers = headers, redirect = false}
    return tonumber(status), answer
end

function check(r)
    local status = ask(r, "auth/operator")
    if status == 204 then return apache2.OK end
    if status == 401 then
        local _, answer = ask(r, "login")
        if answer and answer.location then
            r.headers_out["Location"] = answer.location
            return 302
        end
    end
    if status == 403 or status == 429 then return status end
    return 503
end
