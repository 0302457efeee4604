module whowoke.test/plain

go 1.19
