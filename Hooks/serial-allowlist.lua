-- A pre-provisioning hook: a device may join when its serial number is on the allowlist.
--
-- Contract (Hooks/README.md): the file returns one function. It is given the request as a table
-- and returns { allowProvisioning = true } or { allowProvisioning = false, denyReason = "..." }.
-- Anything else, an error included, denies the device.
--
-- Needs the parameter SerialNumber.

-- The allowlist to look in (`slipway allowlist list` shows those there are).
local LIST = "demo"

return function(request)
    local serial = request.parameters.SerialNumber
    if type(serial) ~= "string" or serial == "" then
        return { allowProvisioning = false, denyReason = "the parameter SerialNumber is missing" }
    end
    if not allowlist.contains(LIST, serial) then
        log("serial", serial, "is not on allowlist", LIST)
        return {
            allowProvisioning = false,
            denyReason = "serial number " .. serial .. " is not on the allowlist",
        }
    end
    return { allowProvisioning = true }
end
