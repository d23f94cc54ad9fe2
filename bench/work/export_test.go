package work

// Empty is what is done to the directory of a contender that has been measured.
var Empty = empty
