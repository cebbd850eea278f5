"""What participants read before the first question, until somebody writes something better."""

CONSENT = """\
You are invited to a study about pictures that a computer program draws and changes.

You will see sets of pictures and answer short questions about them. There are no right or wrong
answers, and nothing in the pictures is known to be upsetting.

Taking part is voluntary. You may stop at any time, without giving a reason, by closing the page.
With your code you may come back later, or have all of your answers deleted.

Your answers are stored under a random number, with how long each took and the day on which you
began. Your name, your address on the network and your browser are not stored. Nothing is sent to
anybody else.

By going on you say that you have read this and that you agree to take part.
"""

INSTRUCTIONS = """\
Each row has three pictures. In the middle is a picture as it was; on the left and on the right is
the same picture after a change, one way and the opposite way.

Look at all rows, then answer for the change as a whole. If you are not sure, choose Maybe.

Some items check whether one looks at the pictures: please look at every one before you answer.
You can go back and change an answer.
"""
