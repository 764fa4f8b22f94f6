"""Small tariff plans in the files of CGRateS, and what their own project publishes that calls cost by them."""

from __future__ import annotations

from pathlib import Path

# After the plan of the engine's own unit tests: the same numbers, in our lines.
ENGINE = {
    "Destinations": """#Tag,Prefix
GERMANY,49
GERMANY_O2,41
GERMANY_PREMIUM,43
ALL,49
ALL,41
ALL,43
NAT,0256
NAT,0257
NAT,0723
NAT,+49
RET,0723
RET,0724
SPEC,0723045
BIG5,447956
URG,112
EU_LANDLINE,444
""",
    "Timings": """WORKDAYS_00,*any,*any,*any,1;2;3;4;5,00:00:00
WORKDAYS_18,*any,*any,*any,1;2;3;4;5,18:00:00
WEEKENDS,*any,*any,*any,6;7,00:00:00
ONE_TIME_RUN,2012,,,,*asap
""",
    "Rates": """R1,0,0.2,60s,1s,0s
R2,0,0.1,60s,1s,0s
R3,0,0.05,60s,1s,0s
R4,1,1,1s,1s,0s
R5,0,0.5,1s,1s,0s
OFFPEAK,0,1,1s,60s,0s
OFFPEAK,0,1,1s,1s,60s
PKG,0.01,0,20s,20s,0s
BIG5,0.01,0.10,1s,1s,0s
URG,0,0,1s,1s,0s
MX,0,1,1s,1s,0s
DY,0.15,0.05,60s,1s,0s
CF,1.12,0,1s,1s,0s
""",
    "DestinationRates": """RT_STANDARD,GERMANY,R1,*middle,4,0,
RT_STANDARD,GERMANY_O2,R2,*middle,4,0,
RT_STANDARD,GERMANY_PREMIUM,R2,*middle,4,0,
RT_DEFAULT,ALL,R2,*middle,4,0,
RT_WEEKEND,GERMANY,R2,*middle,4,0,
RT_WEEKEND,GERMANY_O2,R3,*middle,4,0,
P1,NAT,R4,*middle,4,0,
P2,NAT,R5,*middle,4,0,
T1,NAT,OFFPEAK,*middle,4,0,
DR_PKG,BIG5,PKG,*middle,4,,
DR_BIG5,BIG5,BIG5,*middle,4,,
DATA,*any,OFFPEAK,*middle,4,0,
RT_URG,URG,URG,*middle,4,0,
MX_FREE,RET,MX,*middle,4,10,*free
MX_DISC,RET,MX,*middle,4,10,*disconnect
RT_DY,RET,DY,*up,2,0,
RT_DY,EU_LANDLINE,CF,*middle,4,0,
""",
    "RatingPlans": """STANDARD,RT_STANDARD,WORKDAYS_00,10
STANDARD,RT_WEEKEND,WORKDAYS_18,10
STANDARD,RT_WEEKEND,WEEKENDS,10
STANDARD,RT_URG,*any,20
PREMIUM,RT_STANDARD,WORKDAYS_00,10
PREMIUM,RT_WEEKEND,WORKDAYS_18,10
PREMIUM,RT_WEEKEND,WEEKENDS,10
DEFAULT,RT_DEFAULT,WORKDAYS_00,10
EVENING,P1,WORKDAYS_00,10
EVENING,P2,WORKDAYS_18,10
EVENING,P2,WEEKENDS,10
TDRT,T1,WORKDAYS_00,10
G,RT_STANDARD,WORKDAYS_00,10
R,P1,WORKDAYS_00,10
RP_PKG,DR_PKG,*any,10
RP_UK,DR_BIG5,*any,10
RP_DATA,DATA,*any,10
RP_MX,MX_DISC,WORKDAYS_00,10
RP_MX,MX_FREE,WORKDAYS_18,10
DY_PLAN,RT_DY,*any,10
""",
    "RatingProfiles": """CUSTOMER_1,0,rif:from:tm,2012-01-01T00:00:00Z,PREMIUM,danb
CUSTOMER_1,0,rif:from:tm,2012-02-28T00:00:00Z,STANDARD,danb
vdf,0,rif,2012-01-01T00:00:00Z,EVENING,
vdf,0,*any,2012-02-28T00:00:00Z,EVENING,
vdf,0,one,2012-02-28T00:00:00Z,STANDARD,
vdf,0,inf,2012-02-28T00:00:00Z,STANDARD,inf
vdf,0,fall,2012-02-28T00:00:00Z,PREMIUM,rif
vdf,0,fallback1,2013-11-18T13:45:00Z,G,fallback2
vdf,0,fallback1,2013-11-18T13:46:00Z,G,fallback2
vdf,0,fallback1,2013-11-18T13:47:00Z,G,fallback2
vdf,0,fallback2,2013-11-18T13:45:00Z,R,rif
test,0,trp,2013-10-01T00:00:00Z,TDRT,rif;danb
cgrates.org,call,*any,2013-01-06T00:00:00Z,RP_UK,
cgrates.org,call,discounted_minutes,2013-01-06T00:00:00Z,RP_PKG,
cgrates.org,data,rif,2013-01-06T00:00:00Z,RP_DATA,
cgrates.org,call,max,2013-03-23T00:00:00Z,RP_MX,
cgrates.org,call,dy,2015-02-28T00:00:00Z,DY_PLAN,
cgrates.org,call,round,2016-06-30T00:00:00Z,DEFAULT,
""",
}

# tenant, category, subject, destination, at, seconds -> the published cost, as exact arithmetic gives it, and what it rounds to.
PUBLISHED = (
    ("vdf", "0", "rif", "0256", "2012-02-02T17:30:00", 3600, "2701", "2701"),
    ("vdf", "0", "rif", "0256308200", "2012-02-02T17:30:00", 3600, "2701", "2701"),
    ("vdf", "0", "not_exiting", "025740532", "2013-02-01T17:30:00", 3600, "2701", "2701"),
    ("vdf", "0", "rif", "0257308200", "2012-02-08T17:30:00", 3600, "2701", "2701"),
    ("vdf", "0", "rif", "0257308200", "2012-02-07T23:50:00", 2400, "2100", "2100"),
    ("vdf", "0", "rif", "0257308200", "2012-02-08T23:50:00", 30, "15", "15"),
    ("vdf", "0", "rif", "0723045326", "2012-02-08T22:50:00", 3621, "1810.5", "1810.5"),
    ("vdf", "0", "rif", "0723", "2012-02-08T22:50:00", 110, "55", "55"),
    ("vdf", "0", "rif", "0256", "2012-02-02T17:30:00", 0, "0", "0"),
    ("test", "0", "trp", "0256", "2013-10-08T09:23:02", 85, "85", "85"),
    ("test", "0", "trp", "0256", "2013-10-07T14:50:00", 132, "132", "132"),
    ("test", "0", "trp", "0256", "2013-10-07T14:50:00", 5, "60", "60"),
    # The engine says 0.3001 and remarks that it should be 0.3: its increments are rounded one by one.
    ("cgrates.org", "call", "round", "49", "2017-02-02T17:30:00", 180, "0.3", "0.3"),
    ("cgrates.org", "call", "dy", "0723123113", "2015-10-26T13:29:27", 24, "0.17", "0.17"),
    ("cgrates.org", "call", "dy", "0723123113", "2016-03-04T13:50:00", 180, "0.3", "0.3"),
    ("cgrates.org", "call", "dy", "0723123113", "2016-03-04T13:50:00", 1, "181/1200", "0.16"),
    ("cgrates.org", "call", "dy", "444", "2016-01-13T14:00:00", 1800, "1.12", "1.12"),
    ("cgrates.org", "call", "max", "0723123113", "2015-03-23T06:00:00", 1800, "1800", "1800"),
    ("cgrates.org", "call", "max", "0723123113", "2015-03-23T19:00:00", 1800, "10", "10"),
    ("cgrates.org", "call", "max", "0723123113", "2015-03-23T19:00:00", 9, "9", "9"),
    ("cgrates.org", "data", "rif", "anything", "2015-03-23T19:00:00", 61, "61", "61"),
    ("vdf", "0", "one", "112", "2013-10-21T18:34:00", 60, "0", "0"),
    # The plan of fall has no price for 0256, that of its fall-back rif has.
    ("vdf", "0", "fall", "0256", "2012-03-02T17:30:00", 60, "61", "61"),
    ("vdf", "0", "fallback1", "0256", "2013-11-18T13:45:30", 100, "101", "101"),
    # Premium until midnight (evening of a Monday: 0.1 a minute), standard from then on (0.2 a minute).
    ("CUSTOMER_1", "0", "rif:from:tm", "49178", "2012-02-27T23:50:00", 1200, "3", "3"),
)

# After the tutorial plan: first minute dearer, peak and off-peak, maximum cost.
TUTORIAL = {
    "Destinations": "#Id,Prefix\nDST_1002,1002\nDST_1003,1003\nDST_1007,1007\nDST_FS,10\nDST_DE_MOBILE,+49151\n",
    "Timings": """#Tag,Years,Months,MonthDays,WeekDays,Time
ALWAYS,*any,*any,*any,*any,00:00:00
PEAK,*any,*any,*any,1;2;3;4;5,08:00:00
OFFPEAK_MORNING,*any,*any,*any,1;2;3;4;5,00:00:00
OFFPEAK_EVENING,*any,*any,*any,1;2;3;4;5,19:00:00
OFFPEAK_WEEKEND,*any,*any,*any,6;7,00:00:00
""",
    "Rates": """#Id,ConnectFee,Rate,RateUnit,RateIncrement,GroupIntervalStart
RT_10CNT,0.2,0.1,60s,60s,0s
RT_10CNT,0,0.05,60s,1s,60s
RT_20CNT,0.4,0.2,60s,60s,0s
RT_20CNT,0,0.1,60s,1s,60s
RT_40CNT,0.8,0.4,60s,30s,0s
RT_40CNT,0,0.2,60s,10s,60s
RT_1CNT,0,0.01,60s,60s,0s
RT_1CNT_PER_SEC,0,0.01,1s,1s,0s
""",
    "DestinationRates": """#Id,DestinationId,RatesTag,RoundingMethod,RoundingDecimals,MaxCost,MaxCostStrategy
DR_1002_20CNT,DST_1002,RT_20CNT,*up,4,0,
DR_1002_10CNT,DST_1002,RT_10CNT,*up,4,0,
DR_FS_40CNT,DST_FS,RT_40CNT,*up,4,0,
DR_FS_10CNT,DST_FS,RT_10CNT,*up,4,0,
DR_SPECIAL,DST_1002,RT_1CNT,*up,4,0,
DR_DISC,DST_1007,RT_1CNT_PER_SEC,*up,4,0.62,*disconnect
DR_FREE,DST_1003,RT_1CNT_PER_SEC,*up,4,0.62,*free
DR_ZERO,DST_DE_MOBILE,*zero1m,*up,4,0,
""",
    "RatingPlans": """#Id,DestinationRatesId,TimingTag,Weight
RP_RETAIL,DR_FS_40CNT,PEAK,10
RP_RETAIL,DR_FS_10CNT,OFFPEAK_MORNING,10
RP_RETAIL,DR_FS_10CNT,OFFPEAK_EVENING,10
RP_RETAIL,DR_FS_10CNT,OFFPEAK_WEEKEND,10
RP_RETAIL,DR_1002_20CNT,PEAK,10
RP_RETAIL,DR_1002_10CNT,OFFPEAK_MORNING,10
RP_RETAIL,DR_1002_10CNT,OFFPEAK_EVENING,10
RP_RETAIL,DR_1002_10CNT,OFFPEAK_WEEKEND,10
RP_RETAIL,DR_DISC,ALWAYS,10
RP_RETAIL,DR_FREE,ALWAYS,10
RP_RETAIL,DR_ZERO,ALWAYS,10
RP_SPECIAL,DR_SPECIAL,ALWAYS,10
""",
    "RatingProfiles": """#Tenant,Category,Subject,ActivationTime,RatingPlanId,RatesFallbackSubject
cgrates.org,call,*any,2014-01-14T00:00:00Z,RP_RETAIL,
cgrates.org,call,1001,2014-01-14T00:00:00Z,RP_SPECIAL,1002;*any
""",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """The files of a plan in a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder
