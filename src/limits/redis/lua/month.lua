-- Calendar months in UTC, numbered from the year 0, as month.ts has them. Days become dates by the civil calendar of
-- H. Hinnant, chrono-Compatible Low-Level Date Algorithms: years begin in March, eras have 400 years.

local MS_PER_DAY, DAYS_PER_ERA, EPOCH_DAY = 86400000, 146097, 719468

local function month_of(ms)
  local day = math.floor(ms / MS_PER_DAY) + EPOCH_DAY
  local era = math.floor(day / DAYS_PER_ERA)
  local of_era = day - era * DAYS_PER_ERA
  local leaps = math.floor(of_era / 1460) - math.floor(of_era / 36524) + math.floor(of_era / 146096)
  local year = math.floor((of_era - leaps) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local from_march = math.floor((5 * of_year + 2) / 153)
  return (era * 400 + year) * 12 + from_march + 2
end

local function month_start_ms(month)
  local from_march = month - 2
  local year, of_year = math.floor(from_march / 12), from_march % 12
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local leaps = math.floor(of_era / 4) - math.floor(of_era / 100)
  local day = math.floor((153 * of_year + 2) / 5)
  return (era * DAYS_PER_ERA + of_era * 365 + leaps + day - EPOCH_DAY) * MS_PER_DAY
end
