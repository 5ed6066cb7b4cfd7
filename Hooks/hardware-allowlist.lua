-- A pre-provisioning hook: a device may join when its serial number is on the allowlist with the
-- hardware type it claims to be, and goes to the site that its list entry's lot belongs to.
--
-- Needs the parameters SerialNumber and HardwareType; gives the template Site.

local LIST = "demo"

-- Where each hardware type may be built, and the site it goes to.
local SITES = {
    ["sensor-a"] = "berlin",
    ["sensor-b"] = "lisbon",
}

local function deny(code, reason)
    return { allowProvisioning = false, reasonCode = code, denyReason = reason }
end

return function(request)
    local serial = request.parameters.SerialNumber
    local hardware = request.parameters.HardwareType
    if not serial or not hardware then
        return deny("parameter-missing", "SerialNumber and HardwareType are needed")
    end
    local site = SITES[hardware]
    if not site then
        return deny("hardware-unknown", "HardwareType is none that is built here")
    end
    local entry = allowlist.get(LIST, serial)
    if not entry then
        log("serial", serial, "is not on allowlist", LIST)
        return deny("serial-unknown", "serial number " .. serial .. " is not on the allowlist")
    end
    -- An entry that names no type is for whichever type the device is.
    if entry.hardwareType and entry.hardwareType ~= hardware then
        log("serial", serial, "is a", entry.hardwareType, "and says it is another")
        return deny("hardware-differs", "serial number " .. serial .. " is other hardware")
    end
    return {
        allowProvisioning = true,
        parameterOverrides = { Site = site },
        attributes = { station = claim.station, lot = entry.lot or claim.lot },
    }
end
