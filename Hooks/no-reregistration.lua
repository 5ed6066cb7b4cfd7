-- A pre-provisioning hook: a device that is registered already may register again only when
-- somebody released it, by the state of its list entry or by the thing's attribute "released".
--
-- Needs the parameter SerialNumber, which must be the thing's name as the template makes it.

local LIST = "demo"

return function(request)
    local serial = request.parameters.SerialNumber
    if not serial then
        return { allowProvisioning = false, denyReason = "the parameter SerialNumber is missing" }
    end
    local thing = registry.thing(serial)
    if not thing then
        return { allowProvisioning = true }
    end
    local entry = allowlist.get(LIST, serial)
    if (entry and entry.state == "released") or thing.attributes.released == "yes" then
        log("serial", serial, "registers again, as released")
        return { allowProvisioning = true, attributes = { rework = "yes" } }
    end
    return {
        allowProvisioning = false,
        reasonCode = "registered-already",
        denyReason = "serial number " .. serial .. " is registered already and was not released",
    }
end
