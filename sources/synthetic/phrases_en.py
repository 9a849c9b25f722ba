"""English sentence patterns by kind of text and register; data only, slots from ``words_en``."""

from __future__ import annotations

from collections.abc import Mapping

Parts = Mapping[str, tuple[str, ...]]

#: kind -> one entry per register -> part -> patterns.
PATTERNS: Mapping[str, tuple[Parts, ...]] = {
    "question": (
        {
            "title": (
                "{trouble}: what can I do?",
                "How do I {goal}?",
                "A question about my {thing}",
                "{trouble} {when}",
                "How to {goal} with {product}",
                "What makes it happen that {trouble}?",
            ),
            "open": (
                "This is my first question here.",
                "I have read this board for a while and it has helped me a lot.",
                "I searched but found nothing, so I hope you do not mind my asking.",
                "I am not very technical, so simple words would be welcome.",
                "I have had {product} for about {n} days.",
            ),
            "problem": (
                "{when}, {trouble}.",
                "With {product}, {trouble}, and I wonder if it is faulty.",
                "When I use it at {place_name}, {trouble} quite often.",
                "I wanted to {goal}, but {trouble} and I cannot get any further.",
                "I am asking for {who}: {trouble}.",
                "I followed the manual to the letter and still {trouble}.",
                "About {n} times a day, {trouble}.",
            ),
            "tried": (
                "I have restarted it, with no change.",
                "I also tried to {fix}, but that did not help.",
                "I found {place} but do not know what to change there.",
                "The phone line was busy every time I called.",
                "Another one of the same kind behaves exactly the same.",
            ),
            "ask": (
                "Where do I start if I want to {goal}?",
                "Has anybody solved the same problem?",
                "What could be the reason?",
                "How can I find out {check}?",
                "Is there anything I can do before I take it to a shop?",
                "Could you tell me the steps to {goal}?",
            ),
            "close": (
                "Thank you in advance.",
                "Any help would be appreciated.",
                "I am travelling next week, so I would love to sort it out soon.",
            ),
        },
        {
            "title": (
                "Help, {trouble}!",
                "What's the trick to {goal}?",
                "My {thing} again: any experts here?",
                "{trouble}... normal?",
            ),
            "open": (
                "Hi all,",
                "{who} asked me this and I had no idea.",
                "Sorry if this came up before.",
            ),
            "problem": (
                "So {when}, {trouble}.",
                "I only just got {product}, and already {trouble}.",
                "For some reason it is only at {place_name} that {trouble}.",
                "All I wanted was to {goal}, and now {trouble}.",
                "My {thing} is acting up: {trouble}.",
            ),
            "tried": (
                "Turned it off and on, of course. Nope.",
                "Someone online said to {fix}. Did nothing for me.",
                "Got as far as {place} and then got lost.",
            ),
            "ask": (
                "How do you all {goal}?",
                "Is that by design, or is mine broken?",
                "If you know the cure, please shout!",
                "What is the laziest way to {goal}?",
            ),
            "close": ("Need it tomorrow, so a bit stuck.", "Cheers!", "No rush."),
        },
    ),
    "solves": (
        {
            "open": (
                "I had the same symptom, and the reason was {cause}.",
                "Hello, this sounds like {cause} to me.",
                "In short: {fix} and it will work again.",
                "With {product} you can set this under {place}.",
                "I struggled with exactly this last month and solved it as follows.",
                "To {goal}, the order of the steps matters.",
            ),
            "why": (
                "Because of {cause}, {trouble}.",
                "Out of the box, {product} can behave so that {trouble}.",
                "It is not a fault but {cause}, so there is no need to worry.",
                "The official help says the same about {cause}.",
            ),
            "lead": (
                "Please try these steps in order.",
                "Here is the procedure.",
                "All of this happens under {place}.",
                "This is what fixed it for me:",
            ),
            "after": (
                "After that you should no longer see that {trouble}.",
                "If nothing changes, it also helps to {fix}.",
                "When you are done, check {check} as well.",
                "If it still fails, tell me {check} and we can narrow it down.",
                "You can undo this at any time under {place}.",
                "None of your data will be lost.",
            ),
            "close": (
                "I hope this helps.",
                "Good luck with it.",
                "Write again if anything is unclear.",
            ),
        },
        {
            "open": (
                "That'll be {cause}.",
                "Same here! I had to {fix} and it was fine.",
                "Look under {place} and you'll have it.",
                "Pretty sure this will do it.",
                "It's easier than it looks to {goal}.",
            ),
            "why": (
                "Thing is, with {cause} you'll find that {trouble}.",
                "Took me {n} days to work out it was {cause}.",
                "It's not broken, don't worry.",
            ),
            "lead": ("Do this:", "Step by step:", "That's all there is to it:"),
            "after": (
                "And that should be the end of it.",
                "If not, try to {fix} too.",
                "While you're there, see {check}.",
                "Mine has been fine for {n} weeks since.",
            ),
            "close": ("Let us know how it goes.", "You've got this!", "Shout if you get stuck."),
        },
    ),
    "partial": (
        {
            "body": (
                "Perhaps you could find out {check}.",
                "It might be {cause}, though I cannot be certain.",
                "I seem to remember a setting somewhere around {place}.",
                "It may differ by model, but how about this: {fix}.",
                "I do not own {product}, but with a similar symptom it was {cause}.",
                "First see {check}; what to do depends on that.",
                "Does it always happen in the same place that {trouble}?",
                "It used to help to {fix}, but I cannot say if that still holds.",
                "Not a full answer, but {place} should give you a clue.",
                "It is certainly possible to {goal}; I just do not have the exact steps at hand.",
            ),
            "hedge": (
                "I may be wrong.",
                "Somebody who knows more, please add to this.",
                "That is only how it is on mine.",
                "Please take it as a hint.",
            ),
        },
        {
            "body": (
                "Maybe {cause}?",
                "Did you {fix} already?",
                "Somewhere in {place}, I think.",
                "Once I had to {fix} and it calmed down, no idea why.",
                "I'd at least find out {check}.",
                "On the old model you could {fix}. Not sure now.",
            ),
            "hedge": (
                "Not certain though.",
                "Correct me if that's wrong.",
                "Experts, over to you!",
            ),
        },
    ),
    "impression": (
        {
            "body": (
                "I have the same trouble: {trouble}.",
                "It is the same here, and I would love to know the solution.",
                "{product} is popular, so many of us must be wondering.",
                "I see, that is interesting to know.",
                "That sounds annoying. I hope it gets better soon.",
                "Mine works without any problem.",
                "I was about to ask the very same thing.",
                "My {thing} was never simple either. I feel for you.",
                "I am following this to see how it goes on.",
                "This subject returns every year around {season}.",
            ),
        },
        {
            "body": (
                "Same, {trouble} here too.",
                "Wow, never knew that could happen.",
                "My {thing} drives me mad as well.",
                "Mine's fine, touch wood.",
                "Ugh, poor you.",
                "Would love to know too!",
                "{product} looks so nice, I want one.",
                "Ha, takes me back.",
            ),
        },
    ),
    "comment": (
        {
            "body": (
                "Thank you for explaining it so clearly.",
                "I will come back to this when I want to {goal}.",
                "One addition: the same is possible from {place}.",
                "Before you {fix}, it is wise to keep a copy.",
                "So you use {product}. How do you like it?",
                "It took me {n} attempts before it worked.",
                "I showed this to {who}, who was delighted.",
                "A picture would make this even clearer.",
                "I envy you if {good}.",
                "I had noticed as well that {bad}.",
                "It seems to be a little different where I live.",
                "May I ask how you found out {check}?",
                "Please tell us more in {season}.",
            ),
        },
        {
            "body": (
                "This is a life saver!",
                "Would never have thought to {fix}.",
                "Works from {place} too, by the way.",
                "Going to have a look at my {thing} tonight.",
                "And then what happened?",
                "Yes! {good}, exactly.",
                "Only pity is that {bad}.",
                "Telling {who} about this one.",
                "Aha, so it was {cause}.",
                "Now I'm hungry, thanks.",
            ),
        },
    ),
    "thanks": (
        {
            "body": (
                "I did exactly as you said and it works now. Thank you very much.",
                "The reason was indeed {cause}. You saved me a trip to the shop.",
                "Thanks to you I managed to {goal}.",
                "After {n} days of worry it was solved in five minutes. I am grateful.",
                "Thank you for the careful steps; even I could follow them.",
                "I am glad I asked here. See you again.",
            ),
        },
        {
            "body": (
                "Fixed! Thank you!",
                "All I had to do was {fix}. Brilliant.",
                "It works! Best answer ever.",
                "It was {cause}... how embarrassing. Thanks!",
            ),
        },
    ),
    "idea": (
        {
            "title": (
                "Please let us {idea}",
                "Proposal: {idea}",
                "How the {thing} could be better",
                "A wish for {product}: {idea}",
            ),
            "problem": (
                "At present {bad}, which I find a little inconvenient.",
                "When I am at {place_name}, the {thing} gives me trouble.",
                "Whenever {who} asks me how it works, I explain the same thing.",
                "Every year in {season}, I stumble over the same spot.",
                "Others here often write that {trouble}.",
            ),
            "wish": (
                "Many of us would be glad if it could {idea}.",
                "So I propose that {product} should {idea}.",
                "Could it not {idea}, for instance from {place}?",
                "One button to {idea} would be wonderful.",
                "Even as a trial, please find a way to {idea}.",
            ),
            "reason": (
                "It would suit a product of which one can say that {good}.",
                "There would be fewer calls to support, which is good for the company too.",
                "Older people would find it easier as well.",
                "What do the rest of you think?",
            ),
        },
        {
            "title": ("Who else wants to {idea}?", "What if it could {idea}"),
            "problem": (
                "{bad}, and it bugs me every single day.",
                "{who} says the same, by the way.",
                "I think of this every time I touch my {thing}.",
            ),
            "wish": (
                "If it could {idea}, I'd be over the moon.",
                "Just {idea}, that's all I ask!",
                "Nobody else can {idea}, so people would talk about it.",
            ),
            "reason": ("Vote if you agree!", "Hard to build, maybe?", "I'd use it daily."),
        },
    ),
    "review_good": (
        {
            "title": ("{star} {good}", "{n} months with {product}", "Glad I bought {product}"),
            "open": (
                "I have been using {product} for {n} months.",
                "I bought {product} on the advice of {who}.",
                "I chose {product} when it was time for a change in {season}.",
            ),
            "body": (
                "What I like most is that {good}.",
                "Above all {good}, which makes every day easier.",
                "I was surprised that {good} even at {place_name}.",
                "Compared with the previous model, {good}.",
                "Not only that {good}; the price is fair too.",
            ),
            "close": (
                "If you are undecided, I can recommend it warmly.",
                "I will choose this series again.",
                "I gave one to {who} as well.",
            ),
        },
        {
            "title": ("{product} is a keeper", "Can't live without {product}"),
            "open": ("Finally got {product}!", "Honest thoughts after {n} weeks."),
            "body": (
                "First off, {good}. Worth it for that alone.",
                "{good}, more than I had hoped.",
                "{who} loves it so much we fight over it.",
            ),
            "close": ("No complaints.", "If you're on the fence, buy it."),
        },
    ),
    "review_bad": (
        {
            "title": ("{star} A pity that {bad}", "{product} fell short for me"),
            "open": (
                "I used {product} for {n} weeks.",
                "I bought {product} for its reputation, but it was not for me.",
            ),
            "body": (
                "I cannot get past the fact that {bad}.",
                "Too often {trouble}, so it was no use at work.",
                "I would have liked to know beforehand that {bad}.",
                "At {place_name} it is worse: {trouble}. I am thinking of returning it.",
                "Support could not give me a clear answer either, which was disappointing.",
            ),
            "close": (
                "I cannot recommend it until that is mended.",
                "I put my hopes in the next model.",
            ),
        },
        {
            "title": ("{product}: my mistake", "Hmm, {bad}"),
            "open": ("I had high hopes.", "My take on {product}."),
            "body": (
                "{bad}. That's a deal breaker.",
                "{n} times in a row {trouble}, and I gave up.",
                "For that price, {bad}. Not great.",
            ),
            "close": ("Not for me.", "I'll wait and see."),
        },
    ),
    "review_mixed": (
        {
            "title": (
                "{star} {product}, nearly perfect",
                "The good and the less good of {product}",
            ),
            "open": (
                "These are my thoughts after {n} months with {product}.",
                "I will write about both sides.",
            ),
            "body": (
                "Although {bad}, I am content because {good}.",
                "It is a pity that {bad}, but it is excellent that {good}.",
                "While {good}, I did mind that {bad}.",
                "The {thing} was so-so, but {good}.",
                "{good}, and yet {bad}, which is a waste.",
                "At first I thought that {bad}, but with time I found that {good}.",
                "Certainly {good}. However, {bad}, so it is not for everybody.",
                "{who} complains that {bad}; I do not mind, since {good}.",
            ),
            "close": (
                "All in all, you will not regret buying it.",
                "A good choice if it fits your needs.",
                "Mend that one thing and it deserves full marks.",
            ),
        },
        {
            "title": ("{good}, but {bad}", "{product}: half great"),
            "open": ("Review of {product}.", "Used it for {n} weeks."),
            "body": (
                "{bad}, but {good}, so I'll forgive it.",
                "{good}. Still, {bad}.",
                "{thing}: meh. But {good}, and that's superb.",
                "I bought it because {good}; nobody told me that {bad}.",
            ),
            "close": ("One star off for that.", "Decent, I guess."),
        },
    ),
    "article": (
        {
            "title": (
                "{product} and me in {season}",
                "Notes on how to {goal}",
                "How I get the most out of my {thing}",
                "Trying {product} at {place_name}",
                "{n} days with my {thing}",
            ),
            "open": (
                "Hello, today I would like to write about my {thing}.",
                "It is beginning to feel like {season}.",
                "Thank you for all the likes on my last article.",
                "{who} asked me to {goal}, and so it began.",
            ),
            "body": (
                "I tried {product} at {place_name} for {n} hours.",
                "I was afraid of what others report, that {trouble}, but in fact {good}.",
                "The secret is to {fix}.",
                "Some say that {bad}, but it does not trouble me much.",
                "First see {check}, and little can go wrong.",
                "Under {place} I found options I had never seen, which was fun.",
                "Half way through I noticed {cause} and began again.",
                "With {who} helping, the time flew.",
            ),
            "close": (
                "Next time I will write about {season}.",
                "Do tell me about your own tricks.",
                "That was long; thank you for reading to the end.",
            ),
        },
        {
            "title": (
                "Down the {thing} rabbit hole",
                "A stroll with {product}",
                "What my {thing} taught me",
            ),
            "open": ("It's been a while.", "Day off, so I spent it fiddling with my {thing}."),
            "body": (
                "Who knew it would change so much just to {fix}.",
                "There was a moment when {trouble}, but I brought it back to life.",
                "I'll say it again: {good}.",
                "{who} laughed at me for doing it again.",
                "In the end I started over {n} times.",
            ),
            "close": ("See you!", "To be continued."),
        },
    ),
    "company_article": (
        {
            "title": (
                "News: a new {product}",
                "Meet the makers: how the {thing} came about",
                "Your guide to the {thing} in {season}",
                "You asked, we changed it: {thing}",
            ),
            "open": (
                "Thank you for being with Soramina.",
                "This week the editors look at the {thing}.",
                "We went back to {product} with your comments from this community in hand.",
            ),
            "body": (
                "From next month it will step by step be possible to {idea}.",
                "You told us that {trouble}, so we rewrote the guide to {place}.",
                "The team cared most about one thing, namely that {good}.",
                "We have drawn up what to watch for when you {goal}.",
                "As for your remark that {bad}, the next update will improve it.",
                "Most questions in {season} are about {cause}.",
            ),
            "close": (
                "Let us know what you think in the comments.",
                "Thank you for your continued support.",
                "Next time we look at how to use it at {place_name}.",
            ),
        },
    ),
    "company_comment": (
        {
            "body": (
                "I always enjoy reading these. All the best for {product}.",
                "The story behind it was fascinating.",
                "At last we can {idea}!",
                "You can tell that somebody cared, because {good}.",
                "It would be lovely if you could also mend that {bad}.",
                "Looking forward to the next article.",
            ),
        },
        {
            "body": (
                "Well done, Soramina!",
                "Yay, a new {product}.",
                "I like how the editors write.",
                "Can't wait for {season}.",
            ),
        },
    ),
    "topic": (
        {
            "title": (
                "Show us your {thing}",
                "Let us talk about {season}",
                "Calling everybody who has {product}",
                "Small talk: life at {place_name}",
            ),
            "body": (
                "Shall we tell each other when we use {product}?",
                "At {place_name} I use my {thing} every day. What about you?",
                "Is anybody planning to {goal} in {season}?",
                "Post a picture or a story of a moment when you thought: {good}.",
                "New members are welcome; a single line will do.",
            ),
        },
        {
            "title": ("{thing} moments", "Today's {thing}", "Thinking aloud ({season})"),
            "body": (
                "{trouble}. We've all been there, right?",
                "How long have you all had {product}?",
                "Hands up if you're hooked on your {thing}.",
                "A place for anything that comes to mind.",
            ),
        },
    ),
    "reply": (
        {
            "body": (
                "I mostly use mine at {place_name}.",
                "My {product} is now in its year number {n}.",
                "In our family {who} is the real expert.",
                "It makes me happy when {good}.",
                "Hello, may I join in?",
                "That sounds like fun. I will try it too.",
                "I will report again in {season}.",
            ),
        },
        {
            "body": (
                "Oh yes, the {thing} habit.",
                "Us too!",
                "Showed it to {who}, who laughed.",
                "I'm with those at {place_name}.",
                "Nice, count me in next time.",
                "Too true.",
            ),
        },
    ),
    "staff_comment": (
        {
            "body": (
                "Thank you for the proposal. We have shared it with the developers.",
                "We have passed this on to the people in charge of {product}.",
                "This is under review. We will report here when there is progress.",
            ),
        },
    ),
    "digest": (
        {
            "title": ("Unanswered this week", "The week in short (automatic)"),
            "body": (
                "This post was made automatically. Questions about the {thing} wait for an answer.",
                "Automatic post: last week's most read subject was the {thing}.",
            ),
        },
    ),
    "edit_note": (
        {
            "body": (
                "Edit: it can also be seen under {place}.",
                "Edit: corrected a typing error.",
                "Edit: read this again after {n} days and rewrote a part.",
                "Edit: it is worth knowing {check}, too.",
            ),
        },
    ),
}
