-- Sends requests that are rendered and signed already, for wrk. Each stands in the file that
-- REQUESTS names, after its length in a line of its own. They begin again from the first where
-- AGAIN is set; otherwise to run out of them is an error, since none may be sent twice. wrk asks for
-- the first once more than it sends it.
local requests, last = {}, 0
local again = os.getenv("AGAIN") ~= nil

local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
local length = file:read("*l")
while length do
    requests[#requests + 1] = file:read(tonumber(length))
    length = file:read("*l")
end
file:close()

function request()
    last = last + 1
    if last > #requests then
        if not again then
            io.stderr:write("all ", #requests, " requests are sent before the time is over\n")
            os.exit(1)
        end
        last = 1
    end
    return requests[last]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p99": %.3f, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e3, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
