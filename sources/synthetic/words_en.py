"""English words by topic, with which the patterns of ``phrases_en`` are filled; data only.

``thing`` is a noun that may follow "my", ``product`` a proper name; ``trouble``, ``good`` and
``bad`` are clauses ("the signal drops"), ``goal``, ``fix`` and ``idea`` verb phrases in base form,
``cause`` a noun phrase with its article, ``check`` a clause that begins with whether or which,
``steps`` whole sentences. Topics and cases are those of ``words_ja``, in the same order.
The brand Soramina
and its products are invented.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Slots that do not depend on the topic.
COMMON: Mapping[str, tuple[str, ...]] = {
    "when": (
        "since yesterday",
        "since last week",
        "since this morning",
        "since the update",
        "for three days now",
        "since I moved house",
        "since I changed phones",
    ),
    "n": ("two", "three", "four", "five", "six", "ten"),
    "who": (
        "my mother",
        "my father",
        "my partner",
        "my son",
        "my daughter",
        "my neighbour",
        "a colleague",
        "my gran",
    ),
    "season": ("spring", "summer", "autumn", "winter", "the holidays", "the rainy season"),
    "place_name": (
        "home",
        "work",
        "the station",
        "my parents' place",
        "the allotment",
        "the corner café",
    ),
    "star": ("★★★", "★★★★", "★★★★★", "★★"),
}

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sim": {
        "thing": ("eSIM", "SIM card", "nano SIM", "second line"),
        "product": ("Soramina SIM", "Soramina Air 3", "Soramina Air 3 Lite"),
        "good": (
            "activation takes five minutes",
            "everything can be done online",
            "the connection is steady",
        ),
        "bad": (
            "the print in the leaflet is tiny",
            "there is no SIM pin in the box",
            "a replacement costs a fee",
        ),
        "idea": (
            "replace a SIM entirely in the app",
            "manage the whole family's eSIMs in one place",
            "show how far an activation has got",
        ),
    },
    "plan": {
        "thing": ("Sora Plan M", "Sora Plan S", "family discount", "data rollover"),
        "product": ("Sora Plan M", "Sora Plan S", "Sora Plan Unlimited"),
        "good": (
            "unused data carries over",
            "the price is easy to understand",
            "the plan can be changed mid-month",
        ),
        "bad": (
            "it slows down a little at lunchtime",
            "the call option feels expensive",
            "the discount terms are hard to read",
        ),
        "idea": (
            "give leftover data to family",
            "suggest a fitting plan every month",
            "sell a one-day unlimited pass",
        ),
    },
    "settings": {
        "thing": ("notification sound", "text size", "dark mode", "home screen"),
        "product": ("Soramina Air 3", "Soramina Fold mini", "Easy View mode"),
        "good": (
            "the text is large and readable",
            "the settings search works well",
            "it can be used with one hand",
        ),
        "bad": (
            "the menus go too deep",
            "the names differ from the previous model",
            "too many notifications are on by default",
        ),
        "idea": (
            "export all settings at once",
            "switch notifications by time of day",
            "reorder the settings I use most",
        ),
    },
    "battery": {
        "thing": ("battery", "charger", "battery life", "fast charging"),
        "product": ("Soramina Air 3", "Soramina 30W charger", "Soramina Power 10"),
        "good": ("the battery lasts two full days", "it charges quickly", "it hardly gets warm"),
        "bad": (
            "the cable in the box is short",
            "it is a bit heavy",
            "it is hard to see when it is full",
        ),
        "idea": (
            "stop charging at 80%",
            "show how worn the battery is",
            "tell my watch when charging is done",
        ),
    },
    "roaming": {
        "thing": ("roaming", "travel pack", "foreign network", "international calling"),
        "product": ("Travel Pack 3", "Travel Pack 7", "Soramina Travel eSIM"),
        "good": (
            "it connects as soon as you land",
            "there is a ceiling on the extra cost",
            "you need not buy a local SIM",
        ),
        "bad": (
            "the list of countries is hard to search",
            "coverage is weak in the hills",
            "there is nothing longer than seven days",
        ),
        "idea": (
            "show the days left on arrival",
            "keep unused days for the next trip",
            "share one travel pack in the family",
        ),
    },
    "router": {
        "thing": ("router", "Wi-Fi", "repeater", "home router"),
        "product": ("Soramina Box 2", "Soramina Box mini", "Soramina Repeater W1"),
        "good": (
            "it works as soon as it is plugged in",
            "the signal reaches the second floor",
            "it looks tidy on the shelf",
        ),
        "bad": (
            "the lamp is too bright at night",
            "there is only one wired port",
            "a restart takes long",
        ),
        "idea": ("dim the lamp", "let guest Wi-Fi expire", "pause the children's devices at night"),
    },
    "app": {
        "thing": ("My Sora app", "login", "widget", "app notification"),
        "product": ("My Sora app", "Soramina Photo", "Soramina Family app"),
        "good": (
            "the data left is visible at a glance",
            "a fingerprint is enough to get in",
            "it feels quick",
        ),
        "bad": (
            "the start-up notice is long",
            "it logs me out now and then",
            "it does not rotate on a tablet",
        ),
        "idea": (
            "show the data left on the lock screen",
            "forecast the next bill",
            "show the family's data side by side",
        ),
    },
    "billing": {
        "thing": ("bill", "statement", "points payment", "direct debit"),
        "product": ("My Sora Statement", "Soramina Points", "One Bill"),
        "good": (
            "the statement is split by item",
            "points are used automatically",
            "you can choose the closing day",
        ),
        "bad": (
            "the amount is fixed only late in the month",
            "paper statements now cost money",
            "pro rata charges are not explained",
        ),
        "idea": (
            "colour what changed since last month",
            "split the family bill by person",
            "remind me the day before payment",
        ),
    },
    "camera": {
        "thing": ("night mode", "lens", "autofocus", "image stabiliser"),
        "product": ("Mirune X10", "Mirune X10 Pro", "Soramina Air 3 camera"),
        "good": (
            "there is little noise even at night",
            "skin looks natural",
            "it wakes up fast enough to catch the moment",
        ),
        "bad": (
            "the long end is a little soft",
            "the lens cap is easy to lose",
            "it writes slowly after a burst",
        ),
        "idea": (
            "share shooting settings with friends",
            "signal a tilted horizon by vibration",
            "add a timer to star mode",
        ),
    },
    "garden": {
        "thing": ("watering timer", "planter", "soil sensor", "balcony pot"),
        "product": ("Soramina Garden Timer", "Soil Sensor G2", "Mini Greenhouse kit"),
        "good": (
            "it waters while I am away",
            "it shows dryness as a number",
            "it is easy to put together",
        ),
        "bad": (
            "the hose joint drips",
            "the battery cover is stiff",
            "the manual says nothing about winter",
        ),
        "idea": (
            "skip watering when rain is forecast",
            "keep a photo diary of each plant",
            "swap seeds with neighbours",
        ),
    },
    "kitchen": {
        "thing": ("rice cooker", "kettle", "oven", "air purifier"),
        "product": ("Soramina Rice S5", "Soramina Kettle K2", "Soramina Oven R7"),
        "good": ("the rice comes out fluffy", "it is quiet", "there are few parts to clean"),
        "bad": (
            "the clock drifts",
            "the inside of the lid is hard to wash",
            "the cord winder is weak",
        ),
        "idea": (
            "tell my watch when the rice is done",
            "say when the filter is due",
            "remember the temperatures I use",
        ),
    },
}

CASES: Mapping[str, tuple[Mapping[str, tuple[str, ...]], ...]] = {
    "sim": (
        {
            "trouble": (
                "the phone stays out of service",
                "I get no signal bars",
                "mobile data does not work at all",
            ),
            "goal": ("activate a new SIM", "switch the line over"),
            "fix": (
                "turn aeroplane mode on and off once",
                "pick the APN again",
                "reseat the SIM and restart",
            ),
            "place": ("Settings > Mobile network > APN",),
            "cause": ("the old carrier's APN", "a leftover profile"),
            "check": ("whether the APN reads soramina", "whether mobile data is on"),
            "steps": (
                "Open Settings > Mobile network.",
                "Under APN, choose soramina.",
                "Switch the phone off, wait 30 seconds and switch it on again.",
            ),
        },
        {
            "trouble": ("the eSIM download stops half way", "eSIM activation ends with an error"),
            "goal": ("move my eSIM to a new phone", "install the eSIM again"),
            "fix": (
                "scan a fresh QR code while on Wi-Fi",
                "disable the eSIM on the old phone first",
            ),
            "place": ("Settings > Mobile network > SIM manager",),
            "cause": ("a missing Wi-Fi connection", "a QR code that was already used"),
            "check": ("whether the phone is on Wi-Fi", "whether the QR code is a new one"),
            "steps": (
                "In the My Sora app, tap Reissue eSIM.",
                "Connect the phone to Wi-Fi.",
                "Scan the new QR code from SIM manager.",
                "Wait about five minutes, then restart.",
            ),
        },
    ),
    "plan": (
        {
            "trouble": ("everything slows down at the end of the month", "I run out of data early"),
            "goal": ("change my plan mid-month", "add more data"),
            "fix": ("restrict background data", "add a single gigabyte", "go one plan up"),
            "place": ("My contract > Change plan in the app",),
            "cause": ("video autoplay", "automatic photo upload"),
            "check": ("which app uses the data", "whether any data is left"),
            "steps": (
                "Open My contract in the app.",
                "Tap Change plan and pick the one you want.",
                "Choose this month or next month and confirm.",
            ),
        },
        {
            "trouble": ("the family discount does not show up", "the discount is listed twice"),
            "goal": ("add a relative to the discount", "change the main person of the group"),
            "fix": (
                "send the invitation again from the main account",
                "use the same address for all",
            ),
            "place": ("Family > Discount group in the app",),
            "cause": ("a different registered address", "an invitation nobody accepted"),
            "check": ("whether the invitation was accepted", "whether the addresses match"),
            "steps": (
                "Open Family on the main account.",
                "Enter the number under Invite to group.",
                "The other person accepts by the link in the text message.",
                "Look at the discount line again the next day.",
            ),
        },
    ),
    "settings": (
        {
            "trouble": ("notifications do not arrive", "notifications make no sound"),
            "goal": ("choose notifications app by app", "silence notifications at night"),
            "fix": ("take the app out of battery saving", "turn off do not disturb"),
            "place": ("Settings > Notifications > App notifications",),
            "cause": ("the battery saver", "a do-not-disturb schedule"),
            "check": ("whether do not disturb is on", "whether the app is being put to sleep"),
            "steps": (
                "Open Settings > Notifications.",
                "Pick the app and switch Allow on.",
                "Then set Battery to Unrestricted.",
            ),
        },
        {
            "trouble": ("the text is too small to read", "the screen goes dark too soon"),
            "goal": ("make the text larger", "keep the screen on longer"),
            "fix": ("raise the display size one step", "set the screen timeout to five minutes"),
            "place": ("Settings > Display > Text and size",),
            "cause": ("the default timeout", "adaptive brightness"),
            "check": ("whether adaptive brightness is on", "whether Easy View mode is available"),
            "steps": (
                "Open Settings > Display.",
                "Move the slider under Text and size to the right.",
                "Set Screen timeout to five minutes.",
            ),
        },
    ),
    "battery": (
        {
            "trouble": ("the battery is empty after half a day", "the charge falls while idle"),
            "goal": ("make the battery last", "find out which app drains it"),
            "fix": ("set location to while in use", "stop the apps in the background"),
            "place": ("Settings > Battery > Usage",),
            "cause": ("an app that keeps asking for location", "the search for a weak signal"),
            "check": ("which app is at the top of the list", "whether the battery is worn"),
            "steps": (
                "Open Settings > Battery > Usage.",
                "Look at the three apps at the top.",
                "Set location to While in use for each.",
                "Compare the drain overnight.",
            ),
        },
        {
            "trouble": ("charging stops half way", "fast charging does not start"),
            "goal": ("use fast charging", "clean the charging port"),
            "fix": ("use a cable rated for 30W", "clear the dust out with a dry cotton bud"),
            "place": ("Settings > Battery > Charging",),
            "cause": ("a cable of the wrong rating", "dust in the port"),
            "check": ("whether the cable is rated for 30W", "whether there is dust in the port"),
            "steps": (
                "Switch the phone off.",
                "Gently lift out the dust with a dry cotton bud.",
                "Charge again with the cable from the box.",
            ),
        },
    ),
    "roaming": (
        {
            "trouble": ("data does not work abroad", "the phone finds no network after landing"),
            "goal": ("use data abroad", "choose a local network by hand"),
            "fix": ("turn data roaming on", "choose the operator manually"),
            "place": ("Settings > Mobile network > Roaming",),
            "cause": ("data roaming that was left off", "automatic choice of a weak network"),
            "check": ("whether data roaming is on", "whether the country is covered"),
            "steps": (
                "Order the travel pack before you leave.",
                "Turn on data roaming on arrival.",
                "If nothing connects, choose the operator manually.",
            ),
        },
        {
            "trouble": (
                "I cannot tell how the days are counted",
                "the pack ends earlier than I expected",
            ),
            "goal": ("decide when the pack starts", "stop a pack early"),
            "fix": ("press Start in the app after landing", "check the hours left in the app"),
            "place": ("Travel > Usage in the app",),
            "cause": ("a count in Japanese time", "an automatic start during a stopover"),
            "check": ("whether automatic start is off", "whether any hours are left"),
            "steps": (
                "Open Travel in the app.",
                "Turn Automatic start off.",
                "Press Start when you have arrived.",
                "Each day is 24 hours from then.",
            ),
        },
    ),
    "router": (
        {
            "trouble": ("the Wi-Fi drops every evening", "the Wi-Fi breaks off upstairs"),
            "goal": ("get a signal upstairs", "move to a quieter channel"),
            "fix": (
                "fix the channel by hand",
                "move the box up high near a window",
                "connect to 5 GHz instead",
            ),
            "place": ("Wireless > Channel on the admin page",),
            "cause": ("interference from the neighbours", "a place beside the microwave"),
            "check": ("whether you are on 5 GHz", "whether a microwave stands close by"),
            "steps": (
                "Log in to the admin page.",
                "Change Wireless > Channel from Auto to 36.",
                "Save, then reconnect your devices.",
            ),
        },
        {
            "trouble": ("the red lamp stays on", "the setup page does not open"),
            "goal": ("reset the router", "open the admin page"),
            "fix": ("reseat the SIM", "hold the button at the back for ten seconds"),
            "place": ("the label underneath",),
            "cause": ("a SIM that is not fully in", "an old firmware"),
            "check": ("whether the SIM is all the way in", "whether the firmware is current"),
            "steps": (
                "Unplug the power for a minute.",
                "Push the SIM all the way in.",
                "Hold the button at the back for ten seconds.",
                "Connect with the password on the label underneath.",
            ),
        },
    ),
    "app": (
        {
            "trouble": ("I cannot log in", "the confirmation text never arrives"),
            "goal": ("reset my password", "receive the confirmation code"),
            "fix": ("switch off the spam filter for a moment", "delete and reinstall the app"),
            "place": ('"Need help?" on the login screen',),
            "cause": ("a filter that blocks text messages", "an old phone number on file"),
            "check": ("whether text messages are blocked", "whether the number on file is current"),
            "steps": (
                'Tap "Need help?" on the login screen.',
                "Choose Send by e-mail.",
                "Type the six digits within ten minutes.",
            ),
        },
        {
            "trouble": ("the widget does not refresh", "the app closes by itself"),
            "goal": ("refresh the widget", "clear the app's cache"),
            "fix": ("place the widget again", "clear the cache"),
            "place": ("Settings > Apps > My Sora > Storage",),
            "cause": (
                "a cache that has grown too large",
                "background refresh that was switched off",
            ),
            "check": ("whether the app is up to date", "whether background refresh is allowed"),
            "steps": (
                "Open Settings > Apps > My Sora.",
                "Under Storage, tap Clear cache.",
                "Remove the widget from the home screen and add it again.",
            ),
        },
    ),
    "billing": (
        {
            "trouble": ("the bill is higher than usual", "there is an item I do not recognise"),
            "goal": ("see the details of the bill", "remove an option"),
            "fix": ("drop the option whose free period ended", "look at the calls day by day"),
            "place": ("Charges > Details in the app",),
            "cause": ("an option whose free period ended", "a call to a premium number"),
            "check": ("whether a free period has ended", "whether there are premium calls"),
            "steps": (
                "Open Charges > Details in the app.",
                "Tap the Options row to see its start date.",
                "Tap Cancel on what you do not need; it runs to the end of the month.",
            ),
        },
        {
            "trouble": ("the payment method cannot be changed", "my points are not used"),
            "goal": ("change how I pay", "pay with points"),
            "fix": ("try again the day after closing", "turn on automatic use of points"),
            "place": ("Charges > Payment method in the app",),
            "cause": ("the pause around the closing day", "automatic use being switched off"),
            "check": ("whether the closing day is near", "whether automatic use is on"),
            "steps": (
                "Wait until the day after closing.",
                "Open Charges > Payment method.",
                "Add the new card and choose Use from the next bill.",
            ),
        },
    ),
    "camera": (
        {
            "trouble": ("my night shots are blurred", "it will not focus in the dark"),
            "goal": ("take sharp night shots", "photograph the stars"),
            "fix": ("use the two-second timer on something solid", "keep ISO at 800 or below"),
            "place": ("Shooting menu > Manual",),
            "cause": ("shake from pressing the shutter", "an exposure that is too long"),
            "check": ("whether the stabiliser is on", "whether the lens is clean"),
            "steps": (
                "Put the camera on a tripod or a wall.",
                "In manual, set ISO 400 and a quarter of a second.",
                "Shoot with the two-second timer.",
            ),
        },
        {
            "trouble": ("photos do not reach the phone", "the transfer breaks off"),
            "goal": ("send photos to the phone", "send photos at full size"),
            "fix": ("switch the transfer to 5 GHz", "delete the pairing and start over"),
            "place": ("Connect > Phone on the camera",),
            "cause": ("an old pairing", "a radio that sleeps to save power"),
            "check": ("whether power saving is off", "whether the app may see photos"),
            "steps": (
                "Delete the pairing on the phone.",
                "Choose Connect > Phone on the camera.",
                "Scan the QR code with Soramina Photo.",
            ),
        },
    ),
    "garden": (
        {
            "trouble": ("the tomato leaves turn yellow", "the basil grows thin and tall"),
            "goal": ("keep planters from drying out", "grow tomatoes on a balcony"),
            "fix": (
                "water well once in the morning",
                "take off the three lowest leaves",
                "feed every two weeks",
            ),
            "place": ("the Morning mode of the timer",),
            "cause": ("too much water", "a lack of sun", "a lack of feed"),
            "check": ("whether roots come out of the pot", "whether the surface is dry"),
            "steps": (
                "Push a finger two centimetres into the soil.",
                "If it is dry, water in the morning until it runs out below.",
                "Take off yellow leaves at the stem.",
                "Give a weak feed a week later.",
            ),
        },
        {
            "trouble": ("the watering timer does not start", "the soil sensor never changes"),
            "goal": ("set the watering timer", "calibrate the soil sensor"),
            "fix": ("rinse the sand out of the filter", "wipe the sensor dry and push it in again"),
            "place": ("Setup > Clock on the timer",),
            "cause": ("sand in the filter", "a weak battery"),
            "check": ("whether the tap is open", "whether the battery is new"),
            "steps": (
                "Close the tap and unscrew the timer.",
                "Rinse the filter inside.",
                "Change the battery and set the clock again.",
            ),
        },
    ),
    "kitchen": (
        {
            "trouble": ("the rice comes out hard", "the rice smells after keeping warm"),
            "goal": ("cook a small amount well", "get rid of the smell"),
            "fix": ("soak for half an hour longer", "run it empty with citric acid"),
            "place": ("Menu > Texture",),
            "cause": ("a soak that is too short", "an inner lid that was not washed"),
            "check": (
                "whether the inner lid is washed each time",
                "whether the water is on the line",
            ),
            "steps": (
                "Rinse the rice and soak it for 30 minutes.",
                "Add a tablespoon of water above the line.",
                "Fluff it from the bottom as soon as it is done.",
            ),
        },
        {
            "trouble": ("food heats unevenly", "error E3 will not go away"),
            "goal": ("heat food evenly", "clear the error"),
            "fix": ("place the dish towards the edge", "unplug it for ten minutes"),
            "place": ("the Care page of the manual",),
            "cause": ("a fogged sensor", "a dirty cavity"),
            "check": ("whether the ceiling inside is clean", "whether the sensor is fogged"),
            "steps": (
                "Unplug it and wait ten minutes.",
                "Wipe the inside with a damp cloth.",
                "Heat a cup of water for two minutes and wipe again.",
            ),
        },
    ),
}
