-- Load of the benchmark. With a file of requests (a path, a tab and a bearer token a line) they are sent in turn,
-- each thread beginning at another place; without one, what wrk's command line says. The result is one line of JSON.

local threads = 0

function setup(thread)
  thread:set("offset", threads)
  threads = threads + 1
end

function init(args)
  if args[1] == nil then return end
  local requests = {}
  for line in io.lines(args[1]) do
    local path, token = line:match("^(%S+)\t(%S+)$")
    requests[#requests + 1] = wrk.format("GET", path, { ["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. token })
  end
  -- A stride that shares no factor with the usual counts: neighbours in the file do not follow each other.
  local at = offset * 7919
  request = function()
    at = (at + 7919) % #requests
    return requests[at + 1]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"durationUs":%d,"bytes":%d,"refused":%d,"broken":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
