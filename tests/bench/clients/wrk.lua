-- What wrk sends, by variables, and the result as a line of JSON. https://github.com/wg/wrk/blob/master/SCRIPTING
-- BENCH_HOST: the Host header. BENCH_COOKIE: a cookie. BENCH_BODY: the bytes of a POST's body.
-- BENCH_PAUSE: mean milliseconds between an answer and the next request of a connection.

local host, cookie = os.getenv("BENCH_HOST"), os.getenv("BENCH_COOKIE")
local body, pause = tonumber(os.getenv("BENCH_BODY") or "0"), tonumber(os.getenv("BENCH_PAUSE") or "0")

if host then wrk.headers["Host"] = host end
if cookie then wrk.headers["Cookie"] = cookie end
if body > 0 then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.body = string.rep("x", body)
end
if pause > 0 then
    function delay() return math.random(0, 2 * pause) end
end

function done(summary, latency, _)
    local errors, failed = summary.errors, 0
    for _, kind in ipairs({"connect", "read", "write", "status", "timeout"}) do failed = failed + errors[kind] end
    print(string.format('{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "errors": %d}', summary.requests,
        summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
