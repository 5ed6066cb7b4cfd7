-- A pre-provisioning hook: nobody joins while the line is being maintained. The device is told when
-- to come back; what else must hold is for another hook, or goes below.

-- In UTC; weekdays are 1 for Monday to 7. A window may go past midnight.
local WINDOWS = {
    { weekday = 7, from = 22, hours = 6 },
    { weekday = 3, from = 12, hours = 1 },
}

-- Hours since Monday, 0:00.
local function hour(weekday, time) return (weekday - 1) * 24 + time end

return function()
    local now = time.utc(time.now())
    local at = hour(now.weekday, now.hour)
    for _, window in ipairs(WINDOWS) do
        local since = (at - hour(window.weekday, window.from)) % 168
        if since < window.hours then
            local ends = (window.from + window.hours) % 24
            return {
                allowProvisioning = false,
                reasonCode = "maintenance",
                denyReason = string.format("maintenance until %02d:00 UTC: try again then", ends),
            }
        end
    end
    return { allowProvisioning = true }
end
