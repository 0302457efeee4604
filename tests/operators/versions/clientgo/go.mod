module whowoke.test/clientgo

go 1.19
