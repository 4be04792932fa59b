-- One event a request, each with an id of its own.
local key
local number = 0
function init(args)
  key = args[1]
  math.randomseed(os.time())
  run = tostring(math.random(1, 1000000000))
end
function request()
  number = number + 1
  local body = '{"eventId":"' .. run .. "-" .. number .. '","type":"page_view","userId":"user-' ..
    (number % 5000) .. '","props":{"path":"/products/' .. (number % 500) .. '","amount":12.5}}'
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. key}, body)
end
