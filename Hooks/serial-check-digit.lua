-- A pre-provisioning hook: a device may join when its serial number has the pattern of its family
-- and its check digits are right, so that a misread label is refused before it becomes a thing.
--
--   AB1234567897  two letters, nine digits, and a Luhn check digit over the digits
--   WX0123456735  two letters, eight digits, and two check digits (ISO/IEC 7064, MOD 97-10)
--
-- Needs the parameter SerialNumber.

local FAMILIES = {
    {
        pattern = "^AB%d%d%d%d%d%d%d%d%d%d$",
        check = function(serial) return text.luhn(serial:sub(3)) end,
    },
    {
        pattern = "^WX%d%d%d%d%d%d%d%d%d%d$",
        check = function(serial) return text.mod97(serial) == 1 end,
    },
}

return function(request)
    local serial = text.trim(request.parameters.SerialNumber or "")
    for _, family in ipairs(FAMILIES) do
        if serial:find(family.pattern) then
            if family.check(serial) then
                return { allowProvisioning = true, parameterOverrides = { SerialNumber = serial } }
            end
            return {
                allowProvisioning = false,
                reasonCode = "check-digit-wrong",
                denyReason = "serial number " .. serial .. " is misread: its check digits differ",
            }
        end
    end
    return {
        allowProvisioning = false,
        reasonCode = "serial-malformed",
        denyReason = "the serial number has no pattern that is known here",
    }
end
