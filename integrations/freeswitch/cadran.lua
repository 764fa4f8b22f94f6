-- Calls through FreeSWITCH, authorised and settled by Cadran's charging API. Put it into scripts/, load mod_lua, install the program
-- curl, and send customers' calls here from the dialplan:
--
--   <extension name="cadran"><condition field="destination_number" expression="^(.+)$">
--     <action application="set" data="cadran_caller=${sip_auth_username}"/>
--     <action application="lua" data="cadran.lua $1"/>
--   </condition></extension>
--
-- vars.xml: cadran_url, cadran_gateway (to the world), cadran_sip (host:port of Cadran's own SIP process), cadran_spool, a folder of
-- FreeSWITCH's own where settlements wait that charging cannot take now (api `lua cadran.lua retry`), and cadran_key_file, a file for
-- FreeSWITCH's eyes alone (chmod 600) with the line: header = "Authorization: Bearer sk_..."

local WANTED_S, LEASE_S, TIMEOUT_S = 3600, 4200, 4
local SIP_OF_CAUSE = { USER_BUSY = 486, NO_ANSWER = 480, NO_USER_RESPONSE = 480, CALL_REJECTED = 603, UNALLOCATED_NUMBER = 404,
  ORIGINATOR_CANCEL = 487, INVALID_NUMBER_FORMAT = 484, NORMAL_TEMPORARY_FAILURE = 503, NETWORK_OUT_OF_ORDER = 503 }
local CAUSE_OF_SIP = { [402] = "CALL_REJECTED", [403] = "CALL_REJECTED", [404] = "UNALLOCATED_NUMBER", [480] = "NO_USER_RESPONSE",
  [503] = "NORMAL_TEMPORARY_FAILURE" }

local api = freeswitch.API()

local function global(name, default)
  local value = api:executeString("global_getvar " .. name) or ""
  if value == "" or value:sub(1, 4) == "-ERR" then return default end
  return value
end

local URL = global("cadran_url", "http://127.0.0.1:8008")
local KEY_FILE = global("cadran_key_file", "/etc/freeswitch/cadran.curl")
local SPOOL = global("cadran_spool", "/var/lib/freeswitch/cadran")

-- JSON of what a phone sends: everything that is not plain ASCII goes by its escape, or is left out.
local function quoted(text)
  text = tostring(text or ""):gsub("[%z\1-\31\127-\255]", "")
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local function field(answer, name)
  return answer:match('"' .. name .. '":"([^"]*)"') or answer:match('"' .. name .. '":(%-?%w+)')
end

-- Status and body, by the program curl: nothing that a phone sends becomes part of a command line.
local function post(op, body)
  local name = os.tmpname()
  local file = io.open(name, "w")
  if not file then return 0, "" end
  file:write(body)
  file:close()
  local pipe = io.popen(string.format("curl -sS -m %d -K '%s' -H 'Content-Type: application/json' -w '\\n%%{http_code}' --data-binary @'%s' '%s/v1/%s' 2>/dev/null",
    TIMEOUT_S, KEY_FILE, name, URL, op))
  local text = pipe and pipe:read("*a") or ""
  if pipe then pipe:close() end
  os.remove(name)
  local answer, status = text:match("^(.*)\n(%d+)%s*$")
  return tonumber(status or "0"), answer or ""
end

local function keep(body)
  local path = string.format("%s/%d-%s.json", SPOOL, os.time(), api:executeString("create_uuid"))
  local file = io.open(path, "w")
  if not file then
    freeswitch.consoleLog("CRIT", "cadran: cannot keep a settlement in " .. SPOOL .. "\n")
    return nil
  end
  file:write(body)
  file:close()
  return path
end

-- Whether charging has it: taken, or refused for good.
local function settled(body, path)
  local status = post("settle", body)
  local done = status == 200 or status == 400 or status == 404 or status == 409 or status == 413 or status == 415 or status == 422
  if done and path then os.remove(path) end
  return done
end

local function retry()
  local list = io.popen("ls " .. SPOOL .. "/*.json 2>/dev/null | head -n 100")
  if not list then return end
  for path in list:lines() do
    local file = io.open(path, "r")
    local body = file and file:read("*a") or ""
    if file then file:close() end
    if body ~= "" and not settled(body, path) then break end
  end
  list:close()
end

local function call(dialled)
  local caller = session:getVariable("cadran_caller") or session:getVariable("caller_id_number")
  local named = (session:getVariable("hostname") or "fs") .. ":" .. session:get_uuid()
  local status, answer = post("authorise", string.format(
    '{"session":%s,"caller":%s,"to":%s,"call_id":%s,"wanted_s":%d,"lease_s":%d}',
    quoted(named), quoted(caller), quoted(dialled), quoted(session:getVariable("sip_call_id")), WANTED_S, LEASE_S))
  if status ~= 200 or field(answer, "allowed") ~= "true" then
    local code = tonumber(field(answer, "sip_code") or "") or (status >= 400 and status < 500 and 403 or 503)
    freeswitch.consoleLog("INFO", "cadran: refused " .. named .. " " .. (field(answer, "code") or status) .. "\n")
    session:hangup(CAUSE_OF_SIP[code] or "CALL_REJECTED")
    return
  end
  local granted, limit = tonumber(field(answer, "granted_s") or ""), tonumber(field(answer, "limit_s") or "")
  local seconds = granted and limit and math.min(granted, limit) or granted or limit
  local kind = answer:match('"route":{"kind":"([^"]*)"')
  local to = kind == "user" and ("sofia/external/" .. field(answer, "username") .. "@" .. global("cadran_sip", "127.0.0.1:5060"))
    or ("sofia/gateway/" .. global("cadran_gateway", "carrier") .. "/+" .. field(answer, "dial"))
  session:setAutoHangup(false)
  session:setVariable("hangup_after_bridge", "true")
  if seconds then
    -- Counted from the answer: what charging holds for the call, and not a second more.
    session:execute("export", "nolocal:execute_on_answer=sched_hangup +" .. seconds .. " ALLOTTED_TIMEOUT")
  end
  session:execute("bridge", to)
  local cause = session:getVariable("bridge_hangup_cause") or session:getVariable("originate_disposition") or ""
  local answered = tonumber(session:getVariable("answer_uepoch") or "0") or 0
  local ended = tonumber(session:getVariable("end_uepoch") or "0") or 0
  if ended == 0 then ended = tonumber(api:executeString("strepoch") or "0") * 1000000 end
  local body
  if answered > 0 then
    local measured = math.max(0, math.floor((ended - answered) / 1000))
    body = string.format('{"session":%s,"answered":true,"measured_ms":%d,"ended_by":%s}', quoted(named), measured,
      quoted(cause == "ALLOTTED_TIMEOUT" and "credit" or "caller"))
  else
    body = string.format('{"session":%s,"answered":false,"sip_code":%d}', quoted(named), SIP_OF_CAUSE[cause] or 480)
  end
  settled(body, keep(body))
  if session:ready() then session:hangup() end
  retry()
end

if argv[1] == "retry" then retry() else call(argv[1]) end
