"""The supervisor's board 督导台: whether the promise is kept, whom to call back, appeals, what could not be delivered."""
