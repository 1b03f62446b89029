-- Bounds the access log: docs/adr/0045-pages-are-kept-for-a-second.md. Up to EDGE_LOG_RATE lines a second are written, and as many again of
-- answers from 500 on; the error log has the number of all others.
local log = {}

local ngx = ngx
local rate = tonumber(os.getenv("EDGE_LOG_RATE") or "") or 1000
-- Of this worker, in this second of the clock: lines by kind of answer (1: usual, 2: errors), and those that were left out.
local second, written, left = 0, {0, 0}, 0

-- For the header filter of each answer.
function log.limit()
    if rate == 0 or ngx.is_subrequest then return end
    local now = ngx.time()
    if now ~= second then
        if left > 0 then ngx.log(ngx.WARN, left, " lines of the access log were left out within a second: EDGE_LOG_RATE") end
        second, written[1], written[2], left = now, 0, 0, 0
    end
    local kind = ngx.status < 500 and 1 or 2
    if written[kind] * ngx.worker.count() < rate then
        written[kind] = written[kind] + 1
    else
        left = left + 1
        ngx.var.left_out = "1"
    end
end

return log
