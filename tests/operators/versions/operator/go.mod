module whowoke.test/operator

go 1.19
