"use client";
/** Sign-in with e-mail address and password. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { routes } from "@/app/_nav/routes.ts";
import { postJson } from "@/app/_trpc/post.ts";
import { Button } from "@/app/_ui/button.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { Notice } from "@/app/_ui/notice.tsx";

const credentials = z.object({ email: z.string().trim().min(1, { error: "an e-mail address is needed" }), password: z.string().min(1, { error: "a password is needed" }) });

/** Only a path of this console: anything else leads to the overview. */
export function safeNext(next: string): string {
  return /^\/(?![/\\])[\w\-./?=&%#]*$/.test(next) ? next : routes.overview;
}

export function SignInForm({ next }: { next: string }) {
  const form = useForm({ resolver: zodResolver(credentials), defaultValues: { email: "", password: "" } });
  const { errors, isSubmitting, isSubmitSuccessful } = form.formState;
  const submit = form.handleSubmit(async (values) => {
    try {
      await postJson("/api/auth/sign-in/email", values);
      window.location.assign(safeNext(next));
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      <h1 className="text-[20px] font-semibold">Sign in</h1>
      {errors.root?.message && <Notice tone="fault" isAlert title={errors.root.message} />}
      <TextField label="E-mail address" type="email" autoComplete="username" error={errors.email?.message} {...form.register("email")} />
      <TextField label="Password" type="password" autoComplete="current-password" error={errors.password?.message} {...form.register("password")} />
      <Button type="submit" look="primary" isBusy={isSubmitting || (isSubmitSuccessful && errors.root === undefined)}>
        Sign in
      </Button>
    </form>
  );
}
