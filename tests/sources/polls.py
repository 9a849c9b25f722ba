"""A small Polis conversation."""

from __future__ import annotations

from typing import Final

COMMENTS: Final = (
    "timestamp,datetime,comment-id,author-id,agrees,disagrees,moderated,comment-body\n"
    '1435654192085,Tue Jun 30,0,0,2,0,1,"Two lines,\nwith a comma and ""marks"""\n'
    "1435654200000,Tue Jun 30,1,7,0,1,-1,乗り合いを認める\n"
)
HEADER: Final = "timestamp,datetime,comment-id,voter-id,vote\n"
PARTICIPANTS: Final = (
    "participant,group-id,n-comments,n-votes,n-agree,n-disagree,0,1\n"
    "0,1,1,1,1,0,1,\n2,0,0,2,0,1,-1,0\n3,,0,1,1,0,1,\n9,,0,0,0,0,,\n"
)
