-- A pre-provisioning hook: a station registers no more devices in one shift than it can build, so
-- that a claim key that was carried off makes no fleet of its own.
--
-- The template must write the parameters Station and Shift to attributes of these names; the hook
-- counts the things that have them. What is registered at the same moment is not counted yet, so a
-- few more than the quota may come through; the exact limit is the claim's own.

-- Devices for each station and shift.
local QUOTA = 400
local QUOTAS = { ["line-7"] = 50 }

-- Shifts of eight hours, by the hour in UTC they begin at.
local function shift(seconds)
    local now = time.utc(seconds)
    local name = now.hour < 6 and "night" or now.hour < 14 and "early"
        or now.hour < 22 and "late" or "night"
    -- The night shift keeps the date of the evening it began on.
    local day = now.hour < 6 and time.utc(seconds - 6 * 3600) or now
    return string.format("%04d%02d%02d-%s", day.year, day.month, day.day, name)
end

return function(request)
    local station = claim.station
    if not station then
        return {
            allowProvisioning = false,
            reasonCode = "station-unknown",
            denyReason = "the claim belongs to no station",
        }
    end
    local quota = QUOTAS[station] or QUOTA
    local now = shift(time.now())
    local query = 'attributes.Station:"' .. station .. '" AND attributes.Shift:"' .. now .. '"'
    local count = registry.count(query, quota)
    if count >= quota then
        log("station", station, "has registered", count, "devices in shift", now)
        return {
            allowProvisioning = false,
            reasonCode = "quota-spent",
            denyReason = "station " .. station .. " has registered all of this shift",
        }
    end
    return {
        allowProvisioning = true,
        parameterOverrides = { Station = station, Shift = now },
        attributes = { station = station, lot = claim.lot },
    }
end
